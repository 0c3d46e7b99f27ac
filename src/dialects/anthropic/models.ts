import { z } from 'zod';

/** A model as `GET /v1/models` lists it: https://docs.claude.com/en/api/models-list. Members that are not named survive. */
const anthropicModel = z.looseObject({
  type: z.literal('model'),
  id: z.string().min(1),
  display_name: z.string(),
  created_at: z.string(),
});
export type AnthropicModel = z.output<typeof anthropicModel>;

/** The upstream's page. A list of the router's size is asked for, so that one page holds all. */
export const anthropicModelPage = z.looseObject({ data: z.array(anthropicModel) });

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;

/** One page in Anthropic's shape, with its parameters `limit`, `after_id`, `before_id`. */
export function modelPage(models: readonly AnthropicModel[], query: URLSearchParams) {
  const limit = Math.min(MAX_LIMIT, Math.max(1, Number.parseInt(query.get('limit') ?? '', 10) || DEFAULT_LIMIT));
  const after = models.findIndex(({ id }) => id === query.get('after_id'));
  const before = models.findIndex(({ id }) => id === query.get('before_id'));
  const end = before < 0 ? models.length : before;
  const start = before < 0 ? after + 1 : Math.max(0, before - limit);
  const data = models.slice(start, Math.min(end, start + limit));
  return {
    data,
    has_more: before < 0 ? start + data.length < models.length : start > 0,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
