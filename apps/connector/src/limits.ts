/** Every limit of the connector service: name, unit and default. `config.ts` names those that can be set. */

/** Largest output of an operation, bytes of JSON: what one transition of an execution may carry. */
export const OUTPUT_BYTES_MAX = 256 * 1024;
/** Characters of a target's answer quoted in a failure. */
export const QUOTED_CHARACTERS_MAX = 300;
/** Longest time limit that a step may ask for, milliseconds. */
export const TIMEOUT_MS_MAX = 15 * 60_000;

/** Failures in a row after which a breaker opens. */
export const BREAKER_FAILURES_MAX = 20;
/** How long a breaker stays open the first time, and at most, milliseconds; doubled after every failed trial. */
export const BREAKER_OPEN_MS = 2_000;
export const BREAKER_OPEN_MS_MAX = 60_000;
/** Breakers kept; the one used longest ago is forgotten. */
export const BREAKERS_MAX = 10_000;

/** Access tokens kept, and how long one whose answer names no lifetime is kept, milliseconds. */
export const TOKENS_MAX = 5_000;
export const TOKEN_KEEP_MS = 5 * 60_000;
/** How long before it expires a token is renewed, milliseconds; a fifth of its life where that is less. */
export const TOKEN_MARGIN_MS = 30_000;
/** How long a token endpoint or a discovery may take, milliseconds, and its largest answer, bytes. */
export const TOKEN_REQUEST_MS_MAX = 10_000;
export const TOKEN_ANSWER_BYTES_MAX = 256 * 1024;
/** Discovered authorities kept, and for how long, milliseconds. */
export const DISCOVERIES_MAX = 500;
export const DISCOVERY_KEEP_MS = 60 * 60_000;
/** Digest challenges kept, so that later requests need no challenge of their own. */
export const DIGEST_CHALLENGES_MAX = 1_000;

/** External resources kept, the largest, bytes, and how long one is kept, milliseconds. */
export const RESOURCES_MAX = 200;
export const RESOURCE_BYTES_MAX = 8 * 1024 * 1024;
export const RESOURCE_KEEP_MS = 5 * 60_000;
/** How long fetching a resource may take, milliseconds: steps that want the same one wait for one fetch. */
export const RESOURCE_FETCH_MS_MAX = 20_000;

/** Longest description in YAML, characters (JSON is read far faster), and most uses of aliases in one. */
export const YAML_CHARACTERS_MAX = 2 * 1024 * 1024;
export const DESCRIPTION_ALIASES_MAX = 100;
/** References that are followed from one place in a description. */
export const REFERENCES_MAX = 16;

/** Protos that one proto may import, and messages within one another that an argument may have. */
export const PROTO_IMPORTS_MAX = 100;
export const MESSAGE_DEPTH_MAX = 64;
/** Channels to gRPC services kept, how long an idle one stays connected, milliseconds, and messages of one answer. */
export const GRPC_CHANNELS_MAX = 200;
export const GRPC_IDLE_MS = 60_000;
export const GRPC_MESSAGES_MAX = 10_000;

/** MCP servers that run as processes at once, and how long one is given to end before it is told to, milliseconds. */
export const MCP_PROCESSES_MAX = 16;
export const MCP_CLOSE_MS = 1_000;
/** Characters of such a process's complaints that are kept. */
export const MCP_ERROR_CHARACTERS_MAX = 2_000;

/** Messages that wait for a subscription's expressions, messages that one subscription consumes, and how long one may go on, milliseconds. */
export const SUBSCRIPTION_QUEUE_MAX = 10_000;
export const SUBSCRIPTION_MESSAGES_MAX = 10_000;
export const SUBSCRIPTION_MS_MAX = 24 * 3600_000;
/** Windows of a subscription without an end: how long one waits for a first message, and then for others, milliseconds. */
export const SUBSCRIPTION_WINDOW_MS = 60_000;
export const SUBSCRIPTION_GATHER_MS = 100;

/** Connections to one origin that HTTP requests share. */
export const HTTP_CONNECTIONS_PER_ORIGIN_MAX = 128;
/** Origins whose connections are kept. */
export const HTTP_ORIGINS_MAX = 4_096;
/** How long opening a connection may take, milliseconds. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** How long an idle connection is kept, milliseconds. */
export const HTTP_KEEP_ALIVE_MS = 10_000;

/** Threads that run SQL statements. A file always goes to the same one. */
export const SQL_THREADS = 2;
/** Statements that wait for one thread. */
export const SQL_QUEUE_MAX = 10_000;
/** Threads given up because a statement would not end; above it the service refuses statements. */
export const SQL_THREADS_LOST_MAX = 8;
/** How long a thread waits for a file that another process writes before others get their turn, milliseconds. */
export const SQL_BUSY_MS = 200;
/** Open files a thread keeps. */
export const SQL_FILES_PER_THREAD_MAX = 64;
/** Prepared statements kept for one file. */
export const SQL_STATEMENTS_PER_FILE_MAX = 100;
/** Rows of one query. */
export const SQL_ROWS_MAX = 10_000;

/** How long an SMTP server may be silent, milliseconds. */
export const SMTP_SILENCE_MS = 20_000;

/** Claims written by one insert. */
export const CLAIM_BATCH_MAX = 200;
/** Claims waiting to be written; more are refused. */
export const CLAIM_QUEUE_MAX = 20_000;
/** First and longest wait before MongoDB is tried again, milliseconds. */
export const CLAIM_RETRY_MS = 100;
export const CLAIM_RETRY_MS_MAX = 2_000;
/** How long an unsafe step waits for its claim when it has no time limit of its own, milliseconds. */
export const CLAIM_WAIT_MS_MAX = 15 * 60_000;
/** How long a result waits for the outcome of its claim to be stored, milliseconds; it is stored later all the same. */
export const CLAIM_OUTCOME_WAIT_MS = 5_000;
/** How often a claim that another live worker holds is read again, milliseconds. */
export const CLAIM_POLL_MS = 200;
/** How long claims are kept, seconds: far beyond any dispatch that may still come. */
export const CLAIM_KEEP_SECONDS = 30 * 24 * 3600;

/** How long a delivery may wait for NATS to take it, milliseconds. */
export const NOTIFY_TIMEOUT_MS = 30_000;
/** Largest delivery request, bytes. */
export const NOTIFY_BYTES_MAX = 256 * 1024;

/** Secrets of one connection, and the length of each, characters. */
export const CONNECTION_SECRETS_MAX = 20;
export const SECRET_CHARACTERS_MAX = 16_384;

/** Threads that run scripts, for each language. */
export const SCRIPT_THREADS = 2;
/** Scripts that wait for a thread, for each language. */
export const SCRIPT_QUEUE_MAX = 1_000;
/** Time limit of a script that has none of its own, milliseconds. */
export const SCRIPT_TIMEOUT_MS = 30_000;
/** How long after its time a script that does not heed the limit keeps its thread, milliseconds. */
export const SCRIPT_GRACE_MS = 500;
/** How long an interpreter may take to start, milliseconds. */
export const SCRIPT_START_MS_MAX = 60_000;
/** Largest script, bytes. */
export const SCRIPT_CODE_BYTES_MAX = 512 * 1024;
/** Most that a script may write, both streams together, characters. */
export const SCRIPT_OUTPUT_CHARACTERS_MAX = 128 * 1024;
/** Memory of one script, interpreter included, bytes. */
export const SCRIPT_JAVASCRIPT_MEMORY_BYTES_MAX = 64 * 1024 * 1024;
export const SCRIPT_PYTHON_MEMORY_BYTES_MAX = 256 * 1024 * 1024;

/** How long publishing an event may take, milliseconds. */
export const EMIT_TIMEOUT_MS = 30_000;
/** Largest event, bytes of its JSON form. */
export const EVENT_BYTES_MAX = 256 * 1024;

/** Time limit of a shell command that has none of its own, milliseconds. */
export const SHELL_TIMEOUT_MS = 60_000;
/** How long a container may run that has no limit of its own, with the time to pull its image, milliseconds. */
export const CONTAINER_TIMEOUT_MS = 600_000;
