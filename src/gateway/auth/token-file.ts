/** Tokens in a file, such as a mounted Secret; a change of the file is in force within a second. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Principal } from '../exchange.ts';
import { parseTokenLines, type TokenLine } from './token-lines.ts';
import { principalOf, UNKNOWN, type TokenProvider } from './verdict.ts';

export interface TokenFileOptions {
  readonly path: string;
  /** What the resource calls the file: the same on every pod, wherever it is mounted; default: the path. */
  readonly name?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const CHECK_INTERVAL_MS = 1_000;
/** A file that is away for longer was taken away on purpose, and its tokens with it. */
const MISSING_GRACE_MS = 10_000;
const FILE_BYTES_MAX = 2 ** 20;

interface Entry {
  readonly digest: Buffer;
  readonly principal: Principal;
}

/**
 * Looks at the file when it is asked, at most once a second, so that nothing runs while nobody calls. A file that cannot be
 * read or has a mistake is reported once, and what it last said stays in force; one that is missing knows no token.
 */
export function createTokenFile(options: TokenFileOptions): TokenProvider {
  const { path, name = path, clock, random, logger } = options;
  // With a key that nobody knows, the time a look-up takes tells nothing about the tokens.
  const key = random.bytes(32);
  const digestOf = (token: string): Buffer => createHmac('sha256', key).update(token).digest();
  let entries: ReadonlyMap<string, Entry> = new Map();
  let version: string | undefined;
  let checkedAt = -Infinity;
  let missingSince: number | undefined;
  let complaint: string | undefined;
  let checking: Promise<void> | undefined;

  const complain = (problem: string): void => {
    if (complaint !== problem) logger.error('token file not usable', { path, problem });
    complaint = problem;
  };
  const load = async (): Promise<void> => {
    const found = await readVersion(path, version);
    missingSince = undefined;
    if (found === undefined) return;
    const parsed = parseTokenLines(found.text);
    version = found.version;
    if (!parsed.ok) return complain(parsed.error);
    entries = new Map(
      parsed.value.map((line) => {
        const digest = digestOf(line.token);
        return [digest.toString('latin1'), { digest, principal: principalIn(name, line) }];
      }),
    );
    complaint = undefined;
    logger.info('token file read', { path, tokens: entries.size });
  };
  const check = async (): Promise<void> => {
    try {
      await load();
    } catch (error) {
      version = undefined;
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') {
        missingSince ??= clock.monotonic();
        if (clock.monotonic() - missingSince >= MISSING_GRACE_MS) entries = new Map();
      }
      complain(code ?? message);
    }
    checkedAt = clock.monotonic();
    checking = undefined;
  };

  return {
    async check(token) {
      if (clock.monotonic() - checkedAt >= CHECK_INTERVAL_MS) await (checking ??= check());
      const digest = digestOf(token);
      const entry = entries.get(digest.toString('latin1'));
      if (entry === undefined || !timingSafeEqual(entry.digest, digest)) return UNKNOWN;
      return { type: 'known', principal: entry.principal };
    },
  };
}

/** The text, or undefined when the file is that of `known`. A symbolic link is followed, as in a Secret's volume. */
async function readVersion(
  path: string,
  known: string | undefined,
): Promise<{ readonly text: string; readonly version: string } | undefined> {
  if (versionOf(await stat(path, { bigint: true })) === known) return undefined;
  const file = await open(path, 'r');
  try {
    const before = await file.stat({ bigint: true });
    if (before.size > FILE_BYTES_MAX) throw new Error(`longer than ${FILE_BYTES_MAX} bytes`);
    const text = await file.readFile('utf8');
    const version = versionOf(before);
    // Somebody writes it this very moment: the next look sees the whole.
    if (versionOf(await file.stat({ bigint: true })) !== version) return undefined;
    return { text, version };
  } finally {
    await file.close();
  }
}

const versionOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(':');

function principalIn(file: string, { token, tenant, groups, name }: TokenLine): Principal {
  const subject = name === undefined ? ['token', token] : ['name', tenant, name];
  return principalOf(['TokenFile', file, ...subject], { tenant, groups, scopes: [] });
}
