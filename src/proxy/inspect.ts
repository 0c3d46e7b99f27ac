import { RouterError } from '../errors.ts';
import { type JsonLimits, type JsonScan, JsonScanError, readBoolean, readString, scanJson } from '../wire/json-scan.ts';

/** Characters. Longer than any model name or ARN. */
const MAX_MODEL_LENGTH = 256;

/** What the router needs to know of a request body. The rest of it is the upstream's business. */
export interface InspectedRequest {
  readonly model: string;
  readonly streamed: boolean;
}

/** Checks the structure of a request body and finds what routing needs, without parsing it. Throws a `RouterError`. */
export function inspectRequest(body: Buffer, limits: JsonLimits): InspectedRequest {
  const { members } = scan(body, limits);
  const model = members.get('model');
  const name = model && readString(body, model);
  if (name === undefined || name === '') throw new RouterError('model_missing', 'model: a model name is required.');
  if (name.length > MAX_MODEL_LENGTH) throw new RouterError('invalid_request', 'model: the name is too long.');
  const stream = members.get('stream');
  return { model: name, streamed: stream !== undefined && readBoolean(body, stream) === true };
}

function scan(body: Buffer, limits: JsonLimits): JsonScan {
  let found: JsonScan;
  try {
    found = scanJson(body, limits);
  } catch (error) {
    throw error instanceof JsonScanError ? asRequestError(error, limits) : error;
  }
  if (found.kind !== 'object') throw new RouterError('invalid_request', 'The request body must be a JSON object.');
  return found;
}

function asRequestError(error: JsonScanError, limits: JsonLimits): RouterError {
  switch (error.reason) {
    case 'depth':
      return new RouterError('json_too_complex', `The request body is nested deeper than ${limits.maxDepth} levels.`);
    case 'tokens':
      return new RouterError('json_too_complex', `The request body has more than ${limits.maxTokens} values and keys.`);
    case 'duplicate':
      return new RouterError('invalid_json', `The request body names one member twice (at byte ${error.offset}).`);
    case 'encoding':
      return new RouterError('invalid_json', 'The request body is not valid UTF-8.');
    case 'syntax':
      return new RouterError('invalid_json', `The request body is not valid JSON (at byte ${error.offset}).`);
  }
}
