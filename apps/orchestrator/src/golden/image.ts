/**
 * Golden images: everything that an installation of a released version had on disk, kept as test data.
 *
 * Owns the form of `libs/engine/golden/<release>/`. An image is never changed once its release is out: what it
 * holds is what users' disks hold.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { JsonValue, Snapshot } from '@millrace/engine';

const FOLDER = path.resolve(import.meta.dirname, '../../../../libs/engine/golden');

export interface GoldenLane {
  readonly lane: number;
  /** Messages of the log from its first on, as they were appended, in base64; the first has sequence 1. */
  readonly frames: readonly string[];
  /** The first that the owner had not forgotten yet. */
  readonly first: number;
  /** The last sequence of the lane's input. */
  readonly inputSequence: number;
}

export interface GoldenExecution {
  readonly organisation: string;
  readonly id: string;
  /** What it is there for; the name of its workflow. */
  readonly workflow: string;
  /** The state that the log amounts to; its digest stands in `digests.json` too. */
  readonly snapshot: Snapshot;
  /** What its owner said of it before it was killed. */
  readonly view: JsonValue;
  /** How it ended in the end. */
  readonly end: { readonly status: string; readonly outputJson: string };
}

export interface Image {
  readonly release: string;
  /** The format that the frames are written in. */
  readonly format: number;
  readonly lanes: readonly GoldenLane[];
  /** Values by key, by bucket. */
  readonly buckets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Texts of payloads by reference. */
  readonly payloads: Readonly<Record<string, string>>;
  /** Documents as extended JSON, by collection of `millrace_orchestrator`. */
  readonly collections: Readonly<Record<string, readonly JsonValue[]>>;
  readonly executions: readonly GoldenExecution[];
}

/** Releases that have an image. */
export function goldenReleases(): readonly string[] {
  return existsSync(FOLDER) ? readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name).sort() : [];
}

export function readImage(release: string): Image {
  return JSON.parse(zstdDecompressSync(readFileSync(path.join(FOLDER, release, 'image.json.zst'))).toString('utf8')) as Image;
}

export function readDigests(release: string): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(path.join(FOLDER, release, 'digests.json'), 'utf8')) as Record<string, string>;
}

/** Throws when the release has an image. */
export function assertNotCaptured(release: string): void {
  if (existsSync(path.join(FOLDER, release))) throw new Error(`release ${release} has a golden image; what was released is never captured again. Raise the version first`);
}

/** Refuses when the release has one. */
export function writeImage(image: Image): string {
  assertNotCaptured(image.release);
  const folder = path.join(FOLDER, image.release);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'image.json.zst'), zstdCompressSync(JSON.stringify(image)));
  const digests = Object.fromEntries(image.executions.map(({ id, snapshot }) => [id, digestOf(snapshot)]));
  writeFileSync(path.join(folder, 'digests.json'), `${JSON.stringify(digests, null, 2)}\n`);
  return folder;
}

/** SHA-256 of a snapshot, in lower-case hexadecimal, whatever the order of its fields. */
export function digestOf(snapshot: Snapshot): string {
  return createHash('sha256').update(JSON.stringify(sorted(snapshot as unknown as JsonValue))).digest('hex');
}

/** What of `found` the fields of `wanted` speak of: a later release may know more of an execution. */
export function seenAs(found: JsonValue | undefined, wanted: JsonValue): JsonValue {
  if (found === undefined || found === null || wanted === null || typeof found !== 'object' || typeof wanted !== 'object') return found ?? null;
  if (Array.isArray(found) || Array.isArray(wanted)) return Array.isArray(found) && Array.isArray(wanted) ? found.map((each: JsonValue, index) => (index < wanted.length ? seenAs(each, wanted[index] as JsonValue) : each)) : (found as JsonValue);
  const fields = found as Readonly<Record<string, JsonValue>>;
  return Object.fromEntries(Object.entries(wanted).flatMap(([key, value]) => (fields[key] === undefined ? [] : [[key, seenAs(fields[key], value as JsonValue)]])));
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value as Readonly<Record<string, JsonValue>>).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]));
}
