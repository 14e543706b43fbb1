import fc from 'fast-check';
import { BUILT_IN_TEMPLATES, RENDERED_CHARS_MAX, renderMessage, SUBJECT_CHARS_MAX } from './index.ts';

test('paths of names and indexes are replaced in every part, escaped in HTML only', () => {
  const template = { subject: 'Order {{ order.id }}', text: '{{name}}: {{ order.lines.1.title }}', html: '<b title="{{ name }}">{{name}}</b>' };
  const data = { name: `O'Neill & <sons>`, order: { id: 7, lines: [{ title: 'a' }, { title: 'b' }] } };
  expect(renderMessage(template, data)).toEqual({
    kind: 'rendered',
    message: {
      subject: 'Order 7',
      text: `O'Neill & <sons>: b`,
      html: '<b title="O&#39;Neill &amp; &lt;sons&gt;">O&#39;Neill &amp; &lt;sons&gt;</b>',
    },
  });
});

test('what is missing gives nothing, and what is no own property is missing', () => {
  const text = '[{{ a.b }}|{{ none }}|{{ constructor }}|{{ a.toString }}|{{ list.length }}]';
  expect(renderMessage({ subject: 's', text }, { a: { b: null }, list: [1] })).toMatchObject({ message: { text: '[||||1]' } });
});

test('structures give their JSON, and values are not templates', () => {
  expect(renderMessage({ subject: '{{ x }}', text: '{{ y }}' }, { x: { a: [1] }, y: '{{ x }}' })).toMatchObject({ message: { subject: '{"a":[1]}', text: '{{ x }}' } });
});

test('a subject cannot break out of its header and is cut to its bound', () => {
  expect(renderMessage({ subject: 'a{{ b }}', text: '' }, { b: '\r\nBcc: all@example.test' })).toMatchObject({ message: { subject: 'a Bcc: all@example.test' } });
  const long = renderMessage({ subject: 'x'.repeat(2_000), text: '' }, {});
  expect(long.kind === 'rendered' && long.message.subject.length).toBe(SUBJECT_CHARS_MAX);
});

test.each([
  ['never closes', { subject: 's', text: 'line\n  {{ open' }, 'opens {{ at line 2, column 3 and never closes it'],
  ['has no path', { subject: 's', text: '{{ }}' }, 'has {{}} at line 1, column 1'],
  ['has an expression', { subject: '{{ a + b }}', text: 't' }, "the template's subject has {{a + b}}"],
  ['has no body', { subject: 's' }, 'neither text nor html'],
])('a template that %s fails with the place', (_name, template, detail) => {
  const rendering = renderMessage(template, {});
  expect(rendering.kind === 'failed' ? rendering.detail : '').toContain(detail);
});

test('output is bounded whatever the data', () => {
  const rendering = renderMessage({ subject: 's', text: '{{ x }}{{ x }}' }, { x: 'y'.repeat(RENDERED_CHARS_MAX - 1) });
  expect(rendering).toMatchObject({ kind: 'failed', detail: `the rendered text is longer than ${RENDERED_CHARS_MAX} characters` });
});

test('text without placeholders comes out as it went in, and HTML never shows a value’s brackets', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (plain, value) => {
      fc.pre(!plain.includes('{{'));
      const rendering = renderMessage({ subject: 's', text: plain, html: '{{ v }}' }, { v: value });
      expect(rendering).toMatchObject({ message: { text: plain } });
      expect(rendering.kind === 'rendered' && /[<>"']/.test(rendering.message.html ?? '')).toBe(false);
    }),
  );
});

test('the plain template takes subject and text from the data', () => {
  const plain = BUILT_IN_TEMPLATES.get('plain');
  expect(plain && renderMessage(plain, { subject: 'Hello', text: 'World' })).toEqual({ kind: 'rendered', message: { subject: 'Hello', text: 'World' } });
});
