import { ApiError } from './api-error.ts';
import type { LastTurn } from './last-turn.ts';
import { isObject, type JsonObject, type MessageRequest } from './request.ts';
import { sampleOf } from './sample.ts';

/** A call that the answer makes. */
export interface ToolCall {
  readonly name: string;
  readonly input: JsonObject;
}

const ASKED = /\buse (?:a|any|some|the) tool\b/i;

/** The schema of Anthropic's own shell tool, which requests name by its type alone. */
const SHELL_SCHEMA: JsonObject = { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] };

/**
 * The call to answer with, if any: `tool_choice` decides; else the user must have asked, by the name of a tool or by "use a
 * tool", and must not be delivering a result just now. Throws an `ApiError` when `tool_choice` names a tool that is not there.
 */
export function chooseCall(request: MessageRequest, turn: LastTurn): ToolCall | undefined {
  const { type, name } = request.toolChoice;
  if (type === 'tool' && !request.tools.some((tool) => tool['name'] === name)) {
    throw new ApiError(400, `tool_choice: Tool '${name ?? ''}' not found in provided tools`);
  }
  const tools = request.tools.filter(isCallable);
  if (type === 'none' || tools.length === 0) return undefined;
  if (type === 'tool') return callOf(tools.find((tool) => tool['name'] === name));

  const words = new Set(turn.text.match(/[\w-]+/g));
  const named = tools.find((tool) => words.has(String(tool['name'])));
  if (type === 'any') return callOf(named ?? easiest(tools));
  if (turn.results.length > 0) return undefined;
  return callOf(named ?? (ASKED.test(turn.text) ? easiest(tools) : undefined));
}

/** Not those that run at the vendor, and not those whose definition was only announced. */
function isCallable(tool: JsonObject): boolean {
  const { name, type = 'custom', defer_loading: deferred } = tool;
  return typeof name === 'string' && deferred !== true && (type === 'custom' || isShell(tool));
}

function isShell({ type }: JsonObject): boolean {
  return typeof type === 'string' && type.startsWith('bash_');
}

/** A shell command is sure to work wherever it is run; the input of other tools is made up. */
function easiest(tools: readonly JsonObject[]): JsonObject | undefined {
  return tools.find((tool) => isObject(schemaOf(tool)) && 'command' in inputFor(tool)) ?? tools[0];
}

function callOf(tool: JsonObject | undefined): ToolCall | undefined {
  return tool && { name: String(tool['name']), input: inputFor(tool) };
}

function schemaOf(tool: JsonObject): unknown {
  return isShell(tool) ? SHELL_SCHEMA : tool['input_schema'];
}

function inputFor(tool: JsonObject): JsonObject {
  const input = sampleOf(schemaOf(tool));
  return isObject(input) ? input : {};
}
