/** The throttle's own settings; those that every service has are read by @millrace/service. */
import { text } from '@millrace/service';

export const throttleSettings = {
  database: text('MILLRACE_THROTTLE_DATABASE', { default: 'millrace_throttle', doc: 'MongoDB database of this service' }),
};
