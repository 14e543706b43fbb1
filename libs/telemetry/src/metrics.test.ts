import { createMetrics } from './index.ts';

describe('metrics', () => {
  test('are rendered with the process they come from', async () => {
    const metrics = createMetrics({ service: 'orchestrator', instance: 'orchestrator-1' });
    metrics.counter('millrace_frames_total', 'Frames appended', ['lane']).inc({ lane: '0' }, 3);
    metrics.histogram('millrace_frame_seconds', 'Time of an append').observe(0.002);
    const text = await metrics.render();
    expect(text).toContain('millrace_frames_total{lane="0",service="orchestrator",instance="orchestrator-1"} 3');
    expect(text).toContain('millrace_frame_seconds_bucket{le="0.0025",service="orchestrator",instance="orchestrator-1"} 1');
    expect(text).toContain('process_cpu_seconds_total');
    expect(metrics.contentType).toContain('text/plain');
  });

  test('of the same name are the same metric', async () => {
    const metrics = createMetrics({ service: 's', instance: 'i' });
    metrics.counter('millrace_starts_total', 'Starts').inc();
    metrics.counter('millrace_starts_total', 'Starts').inc();
    expect(await metrics.render()).toMatch(/^millrace_starts_total\{.*\} 2$/m);
    expect(() => metrics.gauge('millrace_starts_total', 'Starts')).toThrow(/another type/);
  });

  test('read a gauge when they are scraped', async () => {
    const metrics = createMetrics({ service: 's', instance: 'i' });
    let waiting = 1;
    metrics.gauge('millrace_waiting_count', 'Waiting', [], (gauge) => gauge.set(waiting));
    waiting = 7;
    expect(await metrics.render()).toMatch(/^millrace_waiting_count\{.*\} 7$/m);
  });

  test('are named millrace_<thing>_<unit>', () => {
    const metrics = createMetrics({ service: 's', instance: 'i' });
    expect(() => metrics.counter('frames', 'Frames')).toThrow(/millrace_<thing>_<unit>/);
  });
});
