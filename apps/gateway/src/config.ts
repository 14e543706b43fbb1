/** The gateway's own settings; those that every service has are in @millrace/service. */
import { secret, text, type ConfigOf } from '@millrace/service';

export const gatewaySettings = {
  operatorKeyHash: secret('MILLRACE_OPERATOR_KEY_HASH', { default: '', doc: 'SHA-256 (hex) of the operator key that is always valid; without it only stored keys are' }),
  database: text('MILLRACE_GATEWAY_DATABASE', { default: 'millrace_gateway', doc: 'MongoDB database of this service' }),
};

export type GatewayConfig = ConfigOf<typeof gatewaySettings>;
