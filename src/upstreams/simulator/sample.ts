import { isObject, type JsonObject } from './request.ts';

/** A shell command must be harmless, whatever agent runs it. */
const COMMAND = 'echo simulated';
const TEXT = 'simulated';

/** A schema may refer to itself or multiply; then values become `null`. */
const MAX_DEPTH = 24;
const MAX_VALUES = 500;
const MAX_ITEMS = 16;
const MAX_TEXT = 1000;

/** Values of the formats that validators check: https://json-schema.org/draft/2020-12/json-schema-validation#section-7.3 */
const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  time: '00:00:00Z',
  duration: 'PT1S',
  email: 'simulated@example.com',
  hostname: 'example.com',
  ipv4: '127.0.0.1',
  ipv6: '::1',
  uri: 'https://example.com/',
  'uri-reference': '/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/**
 * The smallest value that meets a JSON schema: required properties only, the first of several choices. It does not try to meet
 * `pattern`, `not` and `if`. A text property called `command` is a shell command that does no harm.
 */
export function sampleOf(schema: unknown): unknown {
  let values = 0;

  const visit = (node: unknown, name: string, depth: number): unknown => {
    values += 1;
    if (depth > MAX_DEPTH || values > MAX_VALUES) return null;
    if (!isObject(node)) return TEXT;
    const direct = resolved(node, schema);
    if (direct) return visit(direct, name, depth + 1);
    if ('const' in node) return node['const'];
    if (Array.isArray(node['enum'])) return node['enum'][0];
    switch (typeOf(node)) {
      case 'object':
        return object(node, depth);
      case 'array':
        return Array.from({ length: clamp(node['minItems'], MAX_ITEMS) }, (_, index) =>
          visit(itemOf(node, index), '', depth + 1),
        );
      case 'integer':
      case 'number':
        return numberFor(node);
      case 'boolean':
        return false;
      case 'null':
        return null;
      default:
        return textFor(node, name);
    }
  };

  const object = (node: JsonObject, depth: number): JsonObject => {
    const { properties, required } = node;
    const names = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
    return Object.fromEntries(
      names.map((name) => {
        const known = isObject(properties) && Object.hasOwn(properties, name);
        return [name, visit(known ? properties[name] : undefined, name, depth + 1)];
      }),
    );
  };

  return visit(schema, '', 0);
}

/**
 * This schema with one level of indirection resolved: what it refers to, its first choice that is not `null`, its parts as one.
 * `undefined` when there is none.
 */
function resolved(node: JsonObject, root: unknown): JsonObject | undefined {
  const { $ref: reference, anyOf, oneOf = anyOf, allOf, ...rest } = node;
  if (typeof reference === 'string') return merge({ ...node, $ref: undefined }, target(reference, root));
  if (Array.isArray(oneOf) && oneOf.length > 0) {
    const choice: unknown = oneOf.find((choice: unknown) => !isObject(choice) || choice['type'] !== 'null') ?? oneOf[0];
    return merge({ ...rest, allOf }, choice);
  }
  return Array.isArray(allOf) ? allOf.reduce<JsonObject>(merge, rest) : undefined;
}

/** Both at once; where they differ, the second decides. */
function merge(a: JsonObject, b: unknown): JsonObject {
  if (!isObject(b)) return a;
  const both = { ...a, ...b };
  if (isObject(a['properties']) && isObject(b['properties'])) {
    both['properties'] = { ...a['properties'], ...b['properties'] };
  }
  if (Array.isArray(a['required']) && Array.isArray(b['required'])) {
    both['required'] = [...new Set<unknown>([...a['required'], ...b['required']])];
  }
  return both;
}

/** A JSON pointer into the same document (RFC 6901); others are not fetched. */
function target(reference: string, root: unknown): unknown {
  if (!reference.startsWith('#')) return {};
  let node = root;
  for (const part of reference.slice(1).split('/').slice(1, MAX_DEPTH)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isObject(node) || !Object.hasOwn(node, name)) return {};
    node = node[name];
  }
  return node;
}

function typeOf(node: JsonObject): unknown {
  const { type } = node;
  if (Array.isArray(type)) return type.find((name) => name !== 'null') ?? 'null';
  if (type !== undefined) return type;
  if (isObject(node['properties']) || Array.isArray(node['required'])) return 'object';
  return 'items' in node || 'minItems' in node ? 'array' : 'string';
}

function itemOf(node: JsonObject, index: number): unknown {
  const { prefixItems } = node;
  return (Array.isArray(prefixItems) ? prefixItems[index] : undefined) ?? node['items'];
}

function textFor(node: JsonObject, name: string): string {
  const format = typeof node['format'] === 'string' ? FORMATS[node['format']] : undefined;
  if (format !== undefined) return format;
  const text = name === 'command' ? COMMAND : TEXT;
  return text.padEnd(clamp(node['minLength'], MAX_TEXT), '.').slice(0, numeric(node['maxLength']) ?? MAX_TEXT);
}

function numberFor(node: JsonObject): number {
  const step = numeric(node['multipleOf']) ?? 1;
  const above = numeric(node['exclusiveMinimum']);
  const below = numeric(node['exclusiveMaximum']);
  const low = Math.max(numeric(node['minimum']) ?? -Infinity, above === undefined ? -Infinity : above + step / 2);
  const high = Math.min(numeric(node['maximum']) ?? Infinity, below === undefined ? Infinity : below - step / 2);
  const wanted = Math.min(Math.max(step, low), high);
  const rounded = Math.ceil(wanted / step) * step;
  if (rounded >= low && rounded <= high) return rounded;
  const down = Math.floor(wanted / step) * step;
  return down >= low && down <= high ? down : wanted;
}

function clamp(value: unknown, maximum: number): number {
  return Math.min(Math.max(numeric(value) ?? 0, 0), maximum);
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
