// A real provider of OpenID Connect (npm `oidc-provider`) on loopback, with one application and as many people as are
// asked for: whoever signs in as `sara:Trunkline.Admin,other` is sara with these two roles. It ends when its standard
// input does.
//
// `POST /forge {key, header, payload}` signs whatever it is given: with the provider's own key (`rsa`), with another one
// (`stranger`), with the public key as if it were a shared secret (`public`), or not at all (`none`).
import * as crypto from 'node:crypto';
import { createServer } from 'node:http';
import { writeFileSync, renameSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Provider, { errors } from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    'ready-file': { type: 'string' },
    'redirect-uri': { type: 'string', multiple: true },
    audience: { type: 'string' },
  },
});
process.stdin.on('end', () => process.exit(0)).resume();

const rsa = () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const [own, stranger] = [rsa(), rsa()];
const KID = 'own';
const rolesOf = (account) => account.split(':')[1]?.split(',') ?? [];

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'trunkline',
      client_secret: 'the+secret of/trunkline',
      grant_types: ['authorization_code', 'client_credentials'],
      response_types: ['code'],
      redirect_uris: options['redirect-uri'],
    },
  ],
  jwks: { keys: [{ ...own.privateKey.export({ format: 'jwk' }), kid: KID, use: 'sig' }] },
  cookies: { keys: [crypto.randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id.split(':')[0], preferred_username: `${id.split(':')[0]}@acme.example` }),
  }),
  extraTokenClaims: (_, token) => (token.accountId ? { roles: rolesOf(token.accountId) } : undefined),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      defaultResource: () => options.audience,
      getResourceServerInfo: (_, resource) => {
        if (resource !== options.audience) throw new errors.InvalidTarget();
        return {
          audience: resource,
          scope: 'api',
          accessTokenTTL: 3600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
  },
});

// Where the application may be sent back to besides: `POST /redirect-uri` registers one more, as an admin would at the
// provider's own page.
const registered = new Set();
const { redirectUriAllowed } = provider.Client.prototype;
provider.Client.prototype.redirectUriAllowed = function (uri) {
  return registered.has(uri) || redirectUriAllowed.call(this, uri);
};

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const PSS = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

function forge({ key, header, payload }) {
  const signed = `${base64url(header)}.${base64url(payload)}`;
  const options = header.alg === 'PS256' ? PSS : {};
  const signature = {
    rsa: () => crypto.sign('sha256', signed, { key: own.privateKey, ...options }),
    stranger: () => crypto.sign('sha256', signed, { key: stranger.privateKey, ...options }),
    public: () =>
      crypto.createHmac('sha256', own.publicKey.export({ type: 'spki', format: 'pem' })).update(signed).digest(),
    none: () => Buffer.alloc(0),
  }[key]();
  return `${signed}.${signature.toString('base64url')}`;
}

const serve = provider.callback();
server.on('request', async (request, response) => {
  if (!['/forge', '/redirect-uri'].includes(request.url)) return serve(request, response);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  if (request.url === '/forge') return response.end(forge(JSON.parse(body)));
  registered.add(body);
  response.end();
});

const ready = JSON.stringify({ issuer, kid: KID, jwk: own.publicKey.export({ format: 'jwk' }) });
writeFileSync(`${options['ready-file']}.part`, ready);
renameSync(`${options['ready-file']}.part`, options['ready-file']);
