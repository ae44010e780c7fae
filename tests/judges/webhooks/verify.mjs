// Judges signatures of outbound webhooks as a receiver in Node does: with npm's `standardwebhooks` and `svix`, and where the
// key is a public one of Ed25519, which neither of them knows, with Node's own cryptography.
//
// Reads a JSON list of {key, body, headers} and writes, in the same order, {by: "ok" or why not}.
import { createPublicKey, verify as verifies } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';

const told = (judge) => {
  try {
    judge();
    return 'ok';
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

/// The beginning of a SubjectPublicKeyInfo of Ed25519 (RFC 8410, section 4).
const ED25519 = Buffer.from('302a300506032b6570032100', 'hex');

const byNode = ({ key, body, headers }) => {
  const raw = Buffer.from(key.replace('whpk_', ''), 'base64');
  const publicKey = createPublicKey({ key: Buffer.concat([ED25519, raw]), format: 'der', type: 'spki' });
  const signed = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`);
  const signatures = headers['webhook-signature'].split(' ').filter((part) => part.startsWith('v1a,'));
  if (!signatures.some((part) => verifies(null, signed, publicKey, Buffer.from(part.slice(4), 'base64')))) {
    throw new Error('no signature fits');
  }
};

const verdicts = JSON.parse(readFileSync(0, 'utf8')).map((post) => ({
  'npm standardwebhooks': told(() => new StandardWebhook(post.key).verify(post.body, post.headers)),
  'npm svix': told(() => new SvixWebhook(post.key).verify(post.body, post.headers)),
  'node:crypto': post.key.startsWith('whpk_') ? told(() => byNode(post)) : undefined,
}));
process.stdout.write(JSON.stringify(verdicts));
