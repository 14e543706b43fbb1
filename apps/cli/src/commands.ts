/** Every command, in the order of the help. */
import { approveCommand, rejectCommand } from './approve.ts';
import { applyCommand } from './apply.ts';
import { codeCommand } from './code.ts';
import type { Command } from './command.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { diffCommand } from './diff.ts';
import { doctorCommand } from './doctor.ts';
import { downCommand } from './down.ts';
import { graphCommand } from './graph.ts';
import { jobCommand, retentionCommand } from './jobs.ts';
import { listCommand } from './list.ts';
import { publishCommand } from './publish.ts';
import { planCommand } from './plan.ts';
import { forkCommand, rerunFromCommand, retryCommand } from './rerun.ts';
import { restartCommand } from './restart.ts';
import { runCommand } from './run.ts';
import { scaleCommand } from './scale.ts';
import { schemaCommand } from './schema.ts';
import { schedulesCommand, subscriptionsCommand } from './schedules.ts';
import { cancelCommand, explainCommand, pauseCommand, resumeCommand, showCommand } from './show.ts';
import { statusCommand } from './status.ts';
import { tailCommand } from './tail.ts';
import { testCommand } from './test.ts';
import { traceCommand } from './trace.ts';
import { superviseCommand, upCommand } from './up.ts';
import { validateCommand } from './validate.ts';

export const COMMANDS: readonly Command[] = [
  upCommand,
  downCommand,
  statusCommand,
  scaleCommand,
  restartCommand,
  doctorCommand,
  applyCommand,
  diffCommand,
  validateCommand,
  testCommand,
  codeCommand,
  graphCommand,
  schemaCommand,
  planCommand,
  runCommand,
  listCommand,
  showCommand,
  tailCommand,
  traceCommand,
  explainCommand,
  pauseCommand,
  resumeCommand,
  cancelCommand,
  approveCommand,
  rejectCommand,
  jobCommand,
  retentionCommand,
  publishCommand,
  schedulesCommand,
  subscriptionsCommand,
  deadLettersCommand,
  retryCommand,
  rerunFromCommand,
  forkCommand,
  superviseCommand,
];
