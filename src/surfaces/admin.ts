import { z } from 'zod';
import { RouterError } from '../errors.ts';
import { type BodyLimits, readBody } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Route } from '../http/routes.ts';
import type { TokenRecord } from '../store/store.ts';
import type { TokenService } from '../tokens/service.ts';

export interface AdminDeps {
  readonly tokens: TokenService;
  readonly body: BodyLimits;
}

/** Bytes of an admin request: a handful of short fields. */
const MAX_ADMIN_BODY = 64 * 1024;

// The token service checks the bounds of what is issued, for the CLI as well.
const issueBody = z.strictObject({
  ttl_hours: z.number().optional(),
  label: z.string().optional(),
  account: z.string().nullish(),
  scope: z.enum(['client', 'admin']).optional(),
});
const revokeBody = z.strictObject({ id: z.string() });
const rotateBody = z.strictObject({ id: z.string().optional() });

/** Issuing, listing and ending tokens over HTTP, as 0.17.0 had it (`POST /api/tokens` …). */
export function adminSurface(deps: AdminDeps): Route[] {
  const { tokens } = deps;
  const body: BodyLimits = { ...deps.body, maxBytes: MAX_ADMIN_BODY, pool: undefined };
  return [
    {
      method: 'POST',
      path: '/api/tokens',
      name: 'tokens_issue',
      access: 'admin',
      async handle(exchange) {
        const wanted = await readJson(exchange, issueBody, body);
        const { token, record } = await tokens.issue({
          ...(wanted.label === undefined ? {} : { label: wanted.label }),
          ...(wanted.ttl_hours === undefined ? {} : { ttlHours: wanted.ttl_hours }),
          ...(wanted.account == null ? {} : { account: wanted.account }),
          ...(wanted.scope === undefined ? {} : { scope: wanted.scope }),
        });
        exchange.sendJson(200, issued(token, record));
      },
    },
    {
      method: 'GET',
      path: '/api/tokens/list',
      name: 'tokens_list',
      access: 'admin',
      async handle(exchange) {
        exchange.sendJson(200, { data: (await tokens.list()).map(listed) });
      },
    },
    {
      method: 'POST',
      path: '/api/tokens/revoke',
      name: 'tokens_revoke',
      access: 'admin',
      async handle(exchange) {
        const { id } = await readJson(exchange, revokeBody, body);
        if ((await tokens.revoke(id)) === 'unknown') throw unknownToken();
        exchange.sendJson(200, { revoked: id });
      },
    },
    {
      method: 'POST',
      path: '/api/tokens/rotate',
      name: 'tokens_rotate',
      access: 'admin',
      async handle(exchange) {
        const { id = exchange.facts.token?.id } = await readJson(exchange, rotateBody, body);
        if (id === undefined) {
          throw new RouterError('invalid_request', 'id: the flat admin key cannot be rotated; name a token.');
        }
        const rotated = await tokens.rotate(id);
        if (!rotated) throw unknownToken();
        exchange.sendJson(200, { ...issued(rotated.token, rotated.record), rotated: id });
      },
    },
  ];
}

function unknownToken(): RouterError {
  return new RouterError('not_found', 'There is no such token.');
}

function issued(token: string, record: TokenRecord) {
  return {
    token,
    id: record.id,
    ttl_hours: Math.round((record.expiresAt - record.issuedAt) / 3600),
    expires_at: record.expiresAt,
    label: record.label,
    account: record.account,
    scope: record.scope,
  };
}

function listed(record: TokenRecord) {
  return {
    id: record.id,
    label: record.label,
    issued_at: record.issuedAt,
    expires_at: record.expiresAt,
    revoked: record.revokedAt !== null,
    account: record.account,
    scope: record.scope,
    last4: record.last4,
  };
}

async function readJson<Shape extends z.ZodType>(
  exchange: Exchange,
  shape: Shape,
  limits: BodyLimits,
): Promise<z.output<Shape>> {
  const bytes = await readBody(exchange, limits);
  let value: unknown;
  try {
    value = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new RouterError('invalid_json', 'The request body is not valid JSON.');
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new RouterError('invalid_request', `${issue.path.join('.') || 'body'}: ${issue.message}`);
}
