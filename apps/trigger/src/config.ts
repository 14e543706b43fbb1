/** The trigger's own settings; those that every service has are in @millrace/service. */
import { secret, text, type ConfigOf, type Setting } from '@millrace/service';
import { SECRET_KEY_BYTES } from '@millrace/store';

export const triggerSettings = {
  secretKey: secretKey('MILLRACE_SECRET_KEY', '32 bytes in base64; encrypts what webhooks keep secret'),
  database: text('MILLRACE_TRIGGER_DATABASE', { default: 'millrace_trigger', doc: 'MongoDB database of this service' }),
};

export type TriggerConfig = ConfigOf<typeof triggerSettings>;

/** A key for AES-256. */
function secretKey(variable: string, doc: string): Setting<Buffer> {
  const written = secret(variable, { doc });
  return {
    ...written,
    read(raw) {
      const reading = written.read(raw);
      if (reading.kind === 'problem') return reading;
      const key = Buffer.from(reading.value, 'base64');
      if (key.length !== SECRET_KEY_BYTES) return { kind: 'problem', problem: `must be ${SECRET_KEY_BYTES} bytes in base64; \`openssl rand -base64 32\` makes some` };
      return { kind: 'value', value: key };
    },
  };
}
