import { digestAuthorization, digestChallenge } from './digest.ts';

const HEADER =
  'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", ' +
  'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';

const request = { method: 'GET', uri: '/dir/index.html', body: '', username: 'Mufasa', password: 'Circle of Life', cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ', count: 1 };

function challengeIn(header: string) {
  const challenge = digestChallenge(header);
  if (challenge === undefined) throw new Error('no challenge was found');
  return challenge;
}

test('takes the strongest of several challenges in one header', () => {
  expect(challengeIn(HEADER)).toMatchObject({ algorithm: 'SHA-256', qop: 'auth', realm: 'http-auth@example.org' });
  expect(challengeIn(`Basic realm="a, b", ${HEADER.slice(HEADER.lastIndexOf('Digest'))}`)).toMatchObject({ algorithm: 'MD5' });
});

test.each([
  ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
])('answers the example of RFC 7616 section 3.9.1 with %s', (algorithm, response) => {
  const answer = digestAuthorization({ ...challengeIn(HEADER), algorithm }, request);
  expect(answer).toContain(`response="${response}"`);
  expect(answer).toContain('nc=00000001');
  expect(answer).toContain('opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"');
});

test('answers with SHA-512-256 and a hashed user name, as in RFC 7616 section 3.9.2', () => {
  const challenge = challengeIn('Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true');
  const answer = digestAuthorization(challenge, { ...request, uri: '/doe.json', username: 'J\u00e4s\u00f8n Doe', password: 'Secret, or not?', cnonce: 'NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm' });
  expect(answer).toContain('userhash=true');
  expect(answer).not.toContain('Doe');
  expect(answer).toMatch(/response="[0-9a-f]{64}"/);
});

test.each(['Bearer', 'Digest realm="a"', 'Digest realm="a", nonce="b", algorithm=WHIRLPOOL', 'Digest realm="a", nonce="b", qop="other"', ''])('finds nothing that it understands in %j', (header) => {
  expect(digestChallenge(header)).toBeUndefined();
});

test('answers a challenge without a quality of protection as RFC 2069 did', () => {
  const answer = digestAuthorization(challengeIn('Digest realm="a\\"b", nonce="n"'), request);
  expect(answer).not.toContain('qop=');
  expect(answer).toContain('realm="a\\"b"');
});
