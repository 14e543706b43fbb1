/** The metadata keys that Millrace's calls carry. */
export const HEADERS = {
  /** Request: the organisation that the call is about, once the gateway has established it. */
  organisation: 'millrace-organisation',
  /** Request: W3C trace context. */
  traceparent: 'traceparent',
  /** Answer: the reason of a failure, a key of the error catalogue. */
  reason: 'millrace-reason',
  /** Answer: the failure's details, as JSON. */
  details: 'millrace-details-bin',
  /** Answer: wait this many milliseconds before trying again. */
  retryAfterMs: 'millrace-retry-after-ms',
} as const;
