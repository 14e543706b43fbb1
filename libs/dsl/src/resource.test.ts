import { documentsOf, fixtureText } from './fixture.test-support.ts';
import { formatProblem } from './problem.ts';
import { checkResource } from './resource.ts';

function outcomesOf(text: string): readonly unknown[] {
  return documentsOf(text).map((document) => {
    if (document.kind !== 'resource') throw new Error('not a resource');
    const result = checkResource(document);
    return result.kind === 'checked' ? result.resource : result.problems.map(formatProblem);
  });
}

const resource = (kind: string, spec: string): string => `millrace: v1\nkind: ${kind}\nname: x\nspec: ${spec}\n`;

describe('resources', () => {
  test('of every kind get their typed form', () => {
    expect(outcomesOf(fixtureText('resources.yaml'))).toEqual([
      { kind: 'organisation', name: 'acme', spec: {} },
      { kind: 'limits', name: 'standard', organisation: 'acme', spec: { concurrency: 50, startsPerSecond: 12.5, weight: 2 } },
      {
        kind: 'connection',
        name: 'crm',
        organisation: 'acme',
        spec: { connector: 'http', baseUrl: 'https://crm.example.com', auth: { kind: 'header', header: 'X-Api-Key', valueSecret: 'apiKey' }, secrets: { apiKey: 'not-a-real-key' } },
      },
      {
        kind: 'webhook',
        name: 'github',
        organisation: 'acme',
        spec: { workflow: 'sort-deliveries@1.0.0', reply: 'accepted', signature: { scheme: 'github-sha256', secret: 'not-a-real-secret' }, idempotencyKey: '.headers["x-github-delivery"]' },
      },
    ]);
  });

  test('get defaults for what they leave out', () => {
    expect(outcomesOf(resource('connection', '{ connector: sql, baseUrl: "sqlite:orders.db" }'))).toEqual([
      { kind: 'connection', name: 'x', spec: { connector: 'sql', baseUrl: 'sqlite:orders.db', auth: { kind: 'none' }, secrets: {} } },
    ]);
    expect(outcomesOf(resource('webhook', '{ workflow: sort, idempotencyKey: .body.id }'))).toEqual([{ kind: 'webhook', name: 'x', spec: { workflow: 'sort', reply: 'accepted', idempotencyKey: '.body.id' } }]);
  });

  test('a secret is a text or an object, under a name as documents write it', () => {
    expect(outcomesOf('millrace: v1\nkind: secret\nname: mySecret\nspec: { value: { username: a, password: b } }\n')).toEqual([{ kind: 'secret', name: 'mySecret', spec: { value: { username: 'a', password: 'b' } } }]);
    expect(outcomesOf(resource('secret', '{ value: abc }'))).toEqual([{ kind: 'secret', name: 'x', spec: { value: 'abc' } }]);
    expect(outcomesOf(resource('secret', '{ value: 4711 }'))).toEqual([[expect.not.stringContaining('4711')]]);
    expect(outcomesOf(resource('secret', `{ value: ${'a'.repeat(16_383)} }`))).toEqual([[expect.stringContaining('longer than 16384 characters')]]);
  });

  test('a schedule has times in one way, an input, and says what becomes of missed ones', () => {
    expect(outcomesOf(resource('schedule', '{ workflow: sort, cron: "0 6 * * *" }'))).toEqual([{ kind: 'schedule', name: 'x', spec: { workflow: 'sort', cron: '0 6 * * *', timeZone: 'UTC', input: {}, catchUp: 'latest' } }]);
    expect(outcomesOf(resource('schedule', '{ workflow: sort, every: { minutes: 5 }, input: [1], catchUp: none, paused: true }'))).toEqual([{ kind: 'schedule', name: 'x', spec: { workflow: 'sort', every: { minutes: 5 }, input: [1], catchUp: 'none', paused: true } }]);
  });

  test('a subscription starts a workflow, and what is typed is a valid resource again', () => {
    const [typed] = outcomesOf(resource('subscription', '{ type: com.example.*, where: "${ .data.n > 1 }", workflow: sort }'));
    expect(typed).toEqual({ kind: 'subscription', name: 'x', spec: { type: 'com.example.*', where: '.data.n > 1', workflow: 'sort' } });
    const [schedule] = outcomesOf(resource('schedule', '{ workflow: sort, every: PT5M }')) as readonly { spec: object }[];
    expect(outcomesOf(resource('schedule', JSON.stringify(schedule?.spec)))).toEqual([schedule]);
  });

  test.each([
    ['a schedule of two ways', resource('schedule', '{ workflow: sort, every: PT5M, cron: "0 6 * * *" }'), ['f:4:7: the schedule has `cron` and `every`\n  write one of `cron`, `every` and `after`']],
    ['a schedule without times', resource('schedule', '{ workflow: sort }'), ['f:4:7: the schedule has no times\n  write one of `cron`, `every` and `after`']],
    ['a cron expression that is none', resource('schedule', '{ workflow: sort, cron: often }'), ['f:4:31: "often" is no cron expression: it has five fields (minute, hour, day of month, month, day of week), or six with seconds in front']],
    ['a time zone that is none', resource('schedule', '{ workflow: sort, cron: "0 6 * * *", timeZone: Mars }'), ['f:4:54: "Mars" is no time zone of the IANA database; write one such as `Europe/Berlin` or `UTC`']],
    ['a short interval', resource('schedule', '{ workflow: sort, every: PT0.5S }'), ['f:4:32: the interval must be at least 1 s']],
    ['a subscription to no end', resource('subscription', '{ type: a.b }'), ['f:4:1: `spec` has no `workflow`\n  add `workflow`']],
    ['a subscription to a pattern', resource('subscription', '{ type: "a.*.b", workflow: w }'), ['f:4:15: `type` must be the type of events, such as `com.example.order.placed`, or its beginning with `.*`, or `*` for all, and is "a.*.b"']],
    ['no kind', 'millrace: v1\nname: x\nspec: {}\n', ['f:1:1: the resource has no `kind`\n  add `kind`: one of `organisation`, `limits`, `connection`, `secret`, `webhook`, `schedule`, `subscription`']],
    ['a misspelt kind', 'millrace: v1\nkind: webhok\nname: x\nspec: {}\n', ['f:2:7: there is no kind of resource "webhok"\n  did you mean `webhook`?']],
    ['another version', 'millrace: v2\nkind: organisation\nname: x\nspec: {}\n', ['f:1:11: `millrace` must be `v1`, and is "v2"\n  did you mean `v1`?']],
    ['no version', 'kind: organisation\nname: x\nspec: {}\n', ['f:1:1: the document has no `millrace`\n  add `millrace`']],
    ['a name that is none', 'millrace: v1\nkind: organisation\nname: Acme Inc\nspec: {}\n', ['f:3:7: `name` must be made of lower-case letters, digits and dashes, at most 63, with a letter or digit at both ends, and is "Acme Inc"']],
    ['a misspelt property', 'millrace: v1\nkind: organisation\nname: x\nspecs: {}\nspec: {}\n', ['f:4:1: there is no property `specs`\n  known here: `millrace`, `kind`, `name`, `organisation`, `spec`']],
    ['an organisation within another', 'millrace: v1\nkind: organisation\nname: x\norganisation: y\nspec: {}\n', ['f:4:15: an organisation belongs to itself, and this one names `y`\n  remove `organisation`']],
    ['limits out of bounds', resource('limits', '{ concurrency: 0, startsPerSecond: 1e9, weight: 0 }'), ['f:4:22: `concurrency` must be at least 1, and is 0', 'f:4:42: `startsPerSecond` must be at most 1000000, and is 1000000000', 'f:4:55: `weight` must be more than 0, and is 0']],
    ['limits of nothing', resource('limits', '{}'), ['f:4:7: `spec` must have at least one property']],
    ['half a limit', resource('limits', '{ concurrency: 1.5 }'), ['f:4:22: `concurrency` must be a whole number, and is 1.5']],
    ['an unknown way to authenticate', resource('connection', '{ connector: http, auth: { kind: basik } }'), ['f:4:40: `kind` must be `none`, `basic`, `bearer` or `header`, and is "basik"\n  did you mean `basic`?']],
    ['a part that belongs to another way', resource('connection', '{ connector: http, auth: { kind: bearer, tokenSecret: t, username: u }, secrets: { t: x } }'), ['f:4:64: there is no property `username` in `auth`\n  known here: `kind`, `username`, `passwordSecret`, `tokenSecret`, `header`, `valueSecret`']],
    ['a secret that is not there', resource('connection', '{ connector: http, auth: { kind: bearer, tokenSecret: crm-tokn }, secrets: { crm-token: x } }'), ['f:4:61: there is no secret `crm-tokn` in `secrets`\n  did you mean `crm-token`?']],
    ['a secret that nobody can name', resource('connection', '{ connector: http, secrets: { "My Key": x } }'), ["f:4:37: a secret's name must be made of letters, digits, dots, dashes and underscores, at most 63, beginning with a letter or digit"]],
    ['a secret that is no text, which is not repeated', resource('connection', '{ connector: http, secrets: { pin: 4711 } }'), ['f:4:42: `pin` must be a text\n  put it in quotes']],
    ['a base URL that is none', resource('connection', '{ connector: http, baseUrl: example.com }'), ['f:4:35: `baseUrl` must be a URL, such as `https://api.example.com` or `sqlite:orders.db`, and is "example.com"']],
    ['a version that is none', resource('webhook', '{ workflow: sort@1/2 }'), ['f:4:19: `workflow` must be `NAME`, `NAME@VERSION` or `NAME@RANGE`, such as `sort-deliveries@1.0.0` or `sort-deliveries@^1.2`, and is "sort@1/2"']],
    ['an unknown scheme', resource('webhook', '{ workflow: sort, signature: { scheme: github, secret: x } }'), ['f:4:46: `scheme` must be `github-sha256`, and is "github"']],
    ['a key that cannot be read, at its place', resource('webhook', '{ workflow: sort, idempotencyKey: "${ .headers | }" }'), ['f:4:55: the expression cannot be read: expected an expression, found the end of the expression\n  it is jq over `{headers, query, body}`, such as `.headers["x-github-delivery"]`']],
    ['a key with variables', resource('webhook', '{ workflow: sort, idempotencyKey: $context.x }'), ['f:4:41: the expression cannot be read: $context is not defined\n  it is jq over `{headers, query, body}`, such as `.headers["x-github-delivery"]`']],
  ])('are refused for %s', (_, text, problems) => {
    expect(outcomesOf(text)).toEqual([problems]);
  });
});
