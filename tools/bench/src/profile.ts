/** `bench profile SERVICE`: chain-10 with a CPU profile of one service, as a table by feature and a flame graph. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isServiceName, SERVICES } from '@millrace/cluster';
import type { Endings } from './endings.ts';
import { flameGraph } from './flame-graph.ts';
import type { BenchOptions } from './options.ts';
import { profileTable, type CpuProfile, type ProfileTable } from './profile-table.ts';
import { PROFILES, runWork } from './run-work.ts';
import { WORKS } from './works.ts';

export async function profileService(options: BenchOptions, endings: Endings): Promise<Readonly<Record<string, unknown>>> {
  const [service = 'orchestrator', ...more] = options.names;
  if (!isServiceName(service) || more.length > 0) throw new Error(`name one service to profile: ${SERVICES.join(', ')}`);
  const name = 'chain-10';
  const work = WORKS[name];
  if (work === undefined) throw new Error(`there is no work ${name}`);
  const before = new Set(await profilesIn());
  const { report, measured } = await runWork(name, work, { ...options, profile: service }, endings);
  // The profile is written when the process ends.
  await endings.all();
  const made = (await profilesIn()).filter((file) => !before.has(file));
  const largest = (await Promise.all(made.map(async (file) => ({ file, text: await readFile(path.join(PROFILES, file), 'utf8') })))).sort((a, b) => b.text.length - a.text.length)[0];
  if (largest === undefined) throw new Error(`${service} wrote no profile into ${path.resolve(PROFILES)}`);
  const profile = JSON.parse(largest.text) as CpuProfile;
  const table = profileTable(profile, measured);
  const graph = path.join(PROFILES, largest.file.replace(/\.cpuprofile$/, '.svg'));
  await writeFile(graph, flameGraph(profile, measured, `${service}, ${name}, ${options.inFlight} in flight: ${table.busyUs} µs of a core a step`));
  return { work: 'profile', service, of: report, microsecondsPerStep: table.busyUs, ...table, steps: measured.steps, profile: path.resolve(PROFILES, largest.file), flameGraph: path.resolve(graph) };
}

async function profilesIn(): Promise<readonly string[]> {
  return (await readdir(PROFILES).catch(() => [])).filter((name) => name.endsWith('.cpuprofile'));
}

/** For people. */
export function profileText(report: Readonly<Record<string, unknown>>): string {
  const { features, functions, busyUs } = report as unknown as ProfileTable;
  const lines = [
    `${String(report['service'])}: ${busyUs} µs of a core a step, over ${String(report['steps'])} steps`,
    '',
    '  µs a step   own   of Node.js  share  feature',
    ...features.map((row) => `${row.totalUs.toFixed(2).padStart(11)} ${row.ownUs.toFixed(2).padStart(5)} ${row.nodeUs.toFixed(2).padStart(12)} ${row.sharePercent.toFixed(1).padStart(5)}%  ${row.feature}`),
    '',
    '  own µs a step  function',
    ...functions.map((row) => `${row.ownUs.toFixed(2).padStart(15)}  ${row.function} [${row.feature}]`),
    '',
    `flame graph: ${String(report['flameGraph'])}`,
  ];
  return `${lines.join('\n')}\n`;
}
