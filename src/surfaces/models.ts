import { modelPage } from '../dialects/anthropic/models.ts';
import { modelList } from '../dialects/openai-chat/models.ts';
import type { Route } from '../http/routes.ts';
import type { Catalogue } from '../upstreams/catalogue.ts';

/** `GET /v1/models`, in the shape of the caller's API (CL15): who sends `anthropic-version` speaks Anthropic's. */
export function modelsSurface(catalogue: Catalogue): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/models',
      name: 'models',
      access: 'client',
      async handle(exchange) {
        const models = await catalogue.models();
        const anthropic = exchange.headers.get('anthropic-version') !== undefined;
        exchange.sendJson(
          200,
          anthropic ? modelPage(models, new URLSearchParams(exchange.query)) : modelList(models, 'anthropic'),
        );
      },
    },
  ];
}
