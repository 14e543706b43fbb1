export {
  acceptedDelivery,
  DELIVERY_STATES,
  isDeliveryState,
  isTerminal,
  TERMINAL_STATES,
  TRIES_KEPT_MAX,
  type Delivery,
  type DeliveryState,
  type Lease,
  type TerminalState,
  type Try,
  type TryOutcome,
} from './delivery.ts';
export { DEFAULT_POLICY, retryDelayMs, type DeliveryPolicy, type UnknownPolicy } from './policy.ts';
export { transition, type DeliveryCommand, type DeliveryEvent, type Refusal, type Transition } from './transition.ts';
export { classify, DETAIL_CHARS_MAX, type SmtpAnswer, type SmtpPhase, type Verdict } from './smtp-answer.ts';
export {
  BUILT_IN_TEMPLATES,
  RENDERED_CHARS_MAX,
  renderMessage,
  SUBJECT_CHARS_MAX,
  TEMPLATE_CHARS_MAX,
  type MessageTemplate,
  type RenderedMessage,
  type Rendering,
} from './template.ts';
export {
  ADDRESS_CHARS_MAX,
  decodeDeliveryRequest,
  encodeDeliveryRequest,
  KEY_CHARS_MAX,
  NAME_CHARS_MAX,
  REQUEST_VERSION,
  type Decoding,
  type DeliveryRequest,
  type Recipient,
} from './request.ts';
