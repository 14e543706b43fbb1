/**
 * From the text of a file to the documents in it.
 *
 * Owns YAML 1.2 and JSON (which YAML contains), several documents a file, and the limits on size. Does not
 * own what a document must say.
 *
 * R1 Every way a text can be wrong is a problem with a place; nothing is thrown.
 * R2 A file is read as a whole or refused as a whole.
 */
import { LineCounter, parseAllDocuments, type Document } from 'yaml';
import type { JsonValue } from '@millrace/engine';
import { isObject, type JsonObject } from './json-value.ts';
import { DEFINITION_BYTES_MAX, DEPTH_MAX, DOCUMENTS_MAX, FILE_BYTES_MAX, PROBLEMS_MAX } from './limits.ts';
import { inFileOrder, type Problem, type ProblemReason } from './problem.ts';
import { locatorOf, problemAt, type Locator, type SourceDocument } from './source-document.ts';
import { aliasTargetsOf } from './yaml-alias.ts';
import { jsonOfYaml } from './yaml-value.ts';

export type ReadResult =
  | { readonly kind: 'read'; readonly documents: readonly SourceDocument[] }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

interface SourceFile {
  readonly name: string;
  readonly text: string;
  readonly lines: LineCounter;
}

/** Reads every document of a file. `fileName` is only what problems call it. */
export function readDocuments(text: string, options: { readonly fileName: string }): ReadResult {
  const file: SourceFile = { name: options.fileName, text, lines: new LineCounter() };
  const tooLarge = sizeProblem(file);
  if (tooLarge) return { kind: 'refused', problems: [tooLarge] };

  const parsed = parse(file);
  if (parsed.kind === 'refused') return parsed;
  const problems: Problem[] = [];
  const documents: SourceDocument[] = [];
  for (const document of parsed.documents) {
    const result = readOne(file, document);
    if (Array.isArray(result)) problems.push(...result);
    else if (result !== undefined) documents.push(result as SourceDocument);
  }
  if (problems.length === 0 && documents.length === 0) problems.push(fileProblem(file, 0, 'argument-invalid', 'the file has no document', 'write a workflow (it begins with `document:`) or a resource (it begins with `millrace: v1`)'));
  if (problems.length > 0) return { kind: 'refused', problems: inFileOrder(problems).slice(0, PROBLEMS_MAX) };
  return { kind: 'read', documents };
}

function fileProblem(file: SourceFile, offset: number, reason: ProblemReason, message: string, suggestion?: string): Problem {
  const { line, col } = file.lines.linePos(offset);
  return { file: file.name, line: Math.max(1, line), column: Math.max(1, col), pointer: '', reason, message, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** Checked on the text, before the parser has made something larger of it. */
function sizeProblem(file: SourceFile): Problem | undefined {
  const bytes = Buffer.byteLength(file.text, 'utf8');
  if (bytes > FILE_BYTES_MAX) return fileProblem(file, 0, 'payload-too-large', `the file has ${bytes} bytes; the most is ${FILE_BYTES_MAX}`, 'split it into several files');
  if (bytes <= DEFINITION_BYTES_MAX) return undefined;
  // `---` at the start of a line always ends a document, whatever it stands in (YAML 1.2.2, 9.1.2).
  let line = 1;
  for (const part of file.text.split(/^(?=---(?:\s|$))/m)) {
    const partBytes = Buffer.byteLength(part, 'utf8');
    if (partBytes > DEFINITION_BYTES_MAX) {
      return { ...fileProblem(file, 0, 'payload-too-large', `the document has ${partBytes} bytes; the most is ${DEFINITION_BYTES_MAX}`, 'split the workflow, or move data into its input'), line };
    }
    line += part.split('\n').length - 1;
  }
  return undefined;
}

type ParseResult = { readonly kind: 'parsed'; readonly documents: readonly Document.Parsed[] } | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

function parse(file: SourceFile): ParseResult {
  try {
    // Duplicate names are looked for during conversion: the parser compares each with all before it.
    const parsed = parseAllDocuments(file.text, { lineCounter: file.lines, uniqueKeys: false, prettyErrors: false, version: '1.2', logLevel: 'silent' });
    const documents = 'empty' in parsed ? [] : parsed;
    if (documents.length <= DOCUMENTS_MAX) return { kind: 'parsed', documents };
    return { kind: 'refused', problems: [fileProblem(file, 0, 'payload-too-large', `the file has ${documents.length} documents; the most is ${DOCUMENTS_MAX}`, 'split it into several files')] };
  } catch (error) {
    // The parser recurses; a text of ten thousand brackets ends its stack.
    if (!(error instanceof RangeError)) throw error;
    return { kind: 'refused', problems: [tooDeep(file, 0)] };
  }
}

function tooDeep(file: SourceFile, offset: number): Problem {
  return fileProblem(file, offset, 'argument-invalid', `the document is nested more than ${DEPTH_MAX} levels deep`, 'look for brackets or braces that are never closed');
}

/** The document, or what is wrong with it, or nothing where it is empty. */
function readOne(file: SourceFile, parsed: Document.Parsed): SourceDocument | Problem[] | undefined {
  // After the first error the parser guesses, and what it reports then is seldom there.
  const [syntax] = [...parsed.errors, ...parsed.warnings].sort((left, right) => left.pos[0] - right.pos[0]);
  if (syntax && /call stack/.test(syntax.message)) return [tooDeep(file, syntax.pos[0])];
  if (syntax) return [fileProblem(file, syntax.pos[0], 'argument-invalid', sentenceOf(syntax.message), hintFor(file, syntax.code, syntax.pos[0]))];
  const version = parsed.directives.yaml.version;
  if (version !== '1.2') return [fileProblem(file, parsed.range[0], 'argument-invalid', `YAML ${version} is not read here`, 'remove the `%YAML` line; documents are YAML 1.2')];

  const targets = aliasTargetsOf(parsed);
  const { value, problems } = jsonOfYaml(parsed, targets, (offset) => file.lines.linePos(offset).line);
  if (problems.length > 0) return problems.map((problem) => ({ ...fileProblem(file, problem.offset, 'argument-invalid', problem.message, problem.suggestion), pointer: problem.pointer }));
  if (value === null) return undefined;
  return classify(file, locatorOf(parsed, targets, file.text, file.lines), value);
}

function classify(file: SourceFile, locator: Locator, value: JsonValue): SourceDocument | Problem[] {
  const unknown = (message: string, suggestion: string): Problem[] => [problemAt({ ...locator, fileName: file.name }, { pointer: '' }, 'argument-invalid', message, suggestion)];
  if (!isObject(value)) return unknown('a document must be an object', 'begin it with `document:` (a workflow) or `millrace: v1` (a resource)');
  const kind = kindOf(value);
  if (kind === undefined) return unknown('this is neither a workflow nor a resource', 'a workflow has `document:` with `dsl`; a resource has `millrace: v1`, `kind`, `name` and `spec`');
  return { kind, fileName: file.name, value, ...locator };
}

function kindOf(value: JsonObject): SourceDocument['kind'] | undefined {
  if (Object.hasOwn(value, 'millrace')) return 'resource';
  if (Object.hasOwn(value, 'document') || Object.hasOwn(value, 'do')) return 'workflow';
  return Object.hasOwn(value, 'kind') && Object.hasOwn(value, 'spec') ? 'resource' : undefined;
}

/** The parser's messages as sentences of ours: no capital, no full stop. */
function sentenceOf(message: string): string {
  const line = (message.split('\n')[0] ?? message).replace(/[.:]$/, '');
  return /^[A-Z][a-z]/.test(line) ? line.charAt(0).toLowerCase() + line.slice(1) : line;
}

function hintFor(file: SourceFile, code: string, offset: number): string | undefined {
  const start = file.text.lastIndexOf('\n', offset - 1) + 1;
  const end = file.text.indexOf('\n', offset);
  const line = file.text.slice(start, end < 0 ? undefined : end);
  if (line.includes('${')) return 'put the expression in quotes: YAML reads `: `, ` #` and braces itself';
  if (/\w\/\{/.test(line)) return 'put the URI in quotes: a brace ends a text that stands within braces';
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'MULTILINE_IMPLICIT_KEY') return 'look for a missing quote, or for a line that is indented too far';
  if (code === 'TAG_RESOLVE_FAILED') return 'remove the tag';
  if (code === 'BAD_INDENT' || code === 'MISSING_CHAR' || code === 'UNEXPECTED_TOKEN') return 'look for wrong indentation, or for a bracket or quote that is not closed';
  return undefined;
}
