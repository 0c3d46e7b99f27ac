import { pathToFileURL } from 'node:url';
import { installClients } from './install.ts';

/** What the tests call of `@anthropic-ai/sdk`, which is no dependency of the project: the subset that they need. */
export interface AnthropicSdk {
  readonly messages: {
    create(body: { readonly stream: true }): Promise<AsyncIterable<{ readonly type: string }>>;
    create(body: object): Promise<unknown>;
    stream(body: object): { finalMessage(): Promise<SdkMessage> };
    countTokens(body: object): Promise<unknown>;
  };
  readonly models: { list(): Promise<{ readonly data: readonly { readonly id: string }[] }> };
}

export interface SdkMessage {
  readonly content: readonly { readonly type: string; readonly text?: string; readonly input?: unknown }[];
  readonly stop_reason: string;
  readonly usage: object;
}

interface SdkModule {
  readonly Anthropic: new (options: { baseURL: string; apiKey?: string; authToken?: string }) => AnthropicSdk;
  /** What the SDK throws for an answer with status 401. */
  readonly AuthenticationError: new () => Error & { readonly error: unknown; readonly requestID: string };
}

export async function loadSdk(): Promise<SdkModule> {
  const { sdk } = await installClients();
  const module: SdkModule = await import(pathToFileURL(sdk).href);
  return module;
}
