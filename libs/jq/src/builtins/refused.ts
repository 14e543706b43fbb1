// What jq has and expressions may not use, with the reason that the author of an expression reads.

const NO_ENVIRONMENT = 'expressions do not see the environment of the process';
const NO_INPUTS = 'an expression has one input, "."';
const NO_OUTPUT = 'an expression has no side effects; put the value into the result instead';
const NO_HALT = 'an expression cannot end the process; use "error" to fail';
const NO_MODULES = 'expressions have no modules';
const NO_TIME_ZONE = 'results may not depend on the time zone of the machine; use the function for UTC';

/** By name, whatever the number of arguments. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ['env', NO_ENVIRONMENT],
  ['input', NO_INPUTS],
  ['inputs', NO_INPUTS],
  ['input_filename', NO_INPUTS],
  ['input_line_number', NO_INPUTS],
  ['debug', NO_OUTPUT],
  ['stderr', NO_OUTPUT],
  ['halt', NO_HALT],
  ['halt_error', NO_HALT],
  ['modulemeta', NO_MODULES],
  ['get_search_list', NO_MODULES],
  ['builtins', 'the documentation lists the functions'],
  ['localtime', `${NO_TIME_ZONE}, gmtime`],
  ['strflocaltime', `${NO_TIME_ZONE}, strftime`],
]);
