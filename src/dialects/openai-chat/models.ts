/** What OpenAI's list says of a model: https://platform.openai.com/docs/api-reference/models */
export interface ListedModel {
  readonly id: string;
  /** RFC 3339. */
  readonly created_at: string;
}

/** The list in OpenAI's shape. */
export function modelList(models: readonly ListedModel[], owner: string) {
  return {
    object: 'list',
    data: models.map(({ id, created_at }) => ({
      id,
      object: 'model',
      created: Math.floor((Date.parse(created_at) || 0) / 1000),
      owned_by: owner,
    })),
  };
}
