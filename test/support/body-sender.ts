/**
 * A worker that posts one body, made of repeated texts, and posts the status back: what a large body costs its sender must not
 * count as the router's work.
 */
import { request } from 'node:http';
import { parentPort, Worker, workerData } from 'node:worker_threads';

export interface SentBody {
  readonly url: string;
  readonly token: string;
  /** Texts (a character is a byte) and how often each stands in the body, one after the other. */
  readonly parts: readonly (readonly [text: string, count: number])[];
}

/** Sends it from another thread. Resolves to the status of the answer. */
export function sendFromWorker(sent: SentBody): Promise<number> {
  return new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url), { workerData: sent }).once('message', resolve).once('error', reject);
  });
}

function send({ url, token, parts }: SentBody, port: NonNullable<typeof parentPort>): void {
  const body = Buffer.from(parts.map(([text, count]) => text.repeat(count)).join(''), 'latin1');
  const headers = { 'x-api-key': token, 'content-length': body.length };
  const message = request(`${url}/v1/messages`, { method: 'POST', headers, agent: false });
  message.once('response', (answer) => {
    port.postMessage(answer.statusCode);
    answer.resume();
  });
  message.end(body);
}

if (parentPort) send(workerData as SentBody, parentPort);
