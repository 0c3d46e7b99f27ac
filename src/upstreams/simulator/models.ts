import { type AnthropicModel, modelPage } from '../../dialects/anthropic/models.ts';

/** A plausible catalogue, newest first. Requests may name any model, also one that is not here. */
const MODELS: readonly AnthropicModel[] = [
  { type: 'model', id: 'claude-opus-5-5', display_name: 'Claude Opus 5.5', created_at: '2026-09-01T00:00:00Z' },
  { type: 'model', id: 'claude-opus-4-8', display_name: 'Claude Opus 4.8', created_at: '2026-05-01T00:00:00Z' },
  { type: 'model', id: 'claude-haiku-4-5', display_name: 'Claude Haiku 4.5', created_at: '2025-10-01T00:00:00Z' },
  { type: 'model', id: 'claude-sonnet-4-5', display_name: 'Claude Sonnet 4.5', created_at: '2025-09-29T00:00:00Z' },
];

export function listModels(query: URLSearchParams): object {
  return modelPage(MODELS, query);
}
