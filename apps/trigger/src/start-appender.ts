/** Starts that no caller waits for: made durable in the input of their lane. */
import type { StartInput } from '@millrace/engine';
import type { LaneAppender } from './lane-appender.ts';

export interface StartOrder {
  readonly organisation: string;
  /** NAME or NAME@VERSION. */
  readonly workflow: string;
  /** With organisation and workflow it decides the execution's id. */
  readonly key: string;
  /** JSON text. */
  readonly inputJson: string;
  readonly acceptedAtMs: number;
  readonly traceparent?: string;
}

export interface StartAppender {
  executionOf(order: Pick<StartOrder, 'organisation' | 'workflow' | 'key'>): string;
  /** Resolves with the execution once the start is durable. @throws MillraceError as the lane's appender does, `lane-unowned`. */
  append(order: StartOrder): Promise<string>;
}

export interface StartAppenderPorts {
  readonly appender: LaneAppender;
  executionId(organisation: string, workflowName: string, key: string | undefined): string;
  laneOf(execution: string): number;
}

export function createStartAppender({ appender, executionId, laneOf }: StartAppenderPorts): StartAppender {
  const executionOf: StartAppender['executionOf'] = ({ organisation, workflow, key }) => executionId(organisation, workflowName(workflow), key);
  return {
    executionOf,
    async append(order) {
      const execution = executionOf(order);
      const header: Omit<StartInput, 'input' | 'replyTo'> = {
        kind: 'start',
        organisation: order.organisation,
        execution,
        workflow: order.workflow,
        key: order.key,
        ...(order.traceparent === undefined ? {} : { traceparent: order.traceparent }),
        acceptedAtMs: order.acceptedAtMs,
        acceptedBy: 'trigger',
      };
      await appender.append(laneOf(execution), startJson(header, order.inputJson), order.traceparent);
      return execution;
    },
  };
}

/** NAME of NAME@VERSION: a key belongs to a workflow, whatever its version. */
export function workflowName(workflow: string): string {
  return workflow.split('@', 1)[0] ?? workflow;
}

/** The header's fields and the input, whose text is taken as it is. */
export function startJson(header: object, inputJson: string): string {
  const text = JSON.stringify(header);
  return `${text.slice(0, -1)},"input":${inputJson}}`;
}
