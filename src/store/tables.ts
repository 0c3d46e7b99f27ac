import type { Generated } from 'kysely';

/** The tables as Kysely sees them. Truth values are 0 and 1, so that one set of queries serves every database. */
export interface Tables {
  tokens: TokensTable;
  usage: UsageTable;
  installation: InstallationTable;
  probe: ProbeTable;
}

export interface TokensTable {
  id: string;
  digest: string | null;
  last4: string;
  label: string;
  scope: 'client' | 'admin';
  account: string | null;
  issued_at: number;
  expires_at: number;
  revoked_at: number | null;
}

export interface UsageTable {
  request_id: string;
  started_at: number;
  token_id: string;
  route: string;
  upstream: string | null;
  account: string | null;
  model: string | null;
  status: number;
  streamed: number;
  ended: string;
  attempts: number;
  input_tokens: number;
  output_tokens: number;
  cache_write_tokens: number;
  cache_write_1h_tokens: number;
  cache_read_tokens: number;
  estimated: number;
  bytes_to_upstream: number;
  bytes_from_upstream: number;
  duration_ms: number;
  first_byte_ms: number | null;
  upstream_request_id: string | null;
}

interface InstallationTable {
  key: string;
  value: string;
}

/** One row, counted up by every probe: writing the same value again would not reach the disk. */
interface ProbeTable {
  id: number;
  count: Generated<number>;
}
