/** A stdio server as a child process: messages in, messages out, its words on stderr in the log, and an orderly end. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { classifyMessage, type ClassifiedMessage, type JsonRpcMessage } from '../mcp/index.ts';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { createLineReader } from './core/lines.ts';

/** Longest message of a server. */
const LINE_CHARS_MAX = 64 * 1024 * 1024;
/** What is kept of a line on stderr, and of one on stdout that is no message. */
const LOG_CHARS_MAX = 4_096;
/** How long a server may take to end after its input was closed, and again after SIGTERM. */
const END_MS = 2_000;

export interface ServerProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onMessage: (message: ClassifiedMessage) => void;
  /** Called once; `how` says how it ended. */
  readonly onEnd: (how: string) => void;
}

export class ServerProcess {
  readonly #options: ServerProcessOptions;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #gone = Promise.withResolvers<void>();
  #isGone = false;
  #lastWords = '';

  constructor(options: ServerProcessOptions) {
    this.#options = options;
    const [program, ...args] = options.command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.on('error', (error) => this.#end(`cannot be started: ${error.message}`));
    // 'close' and not 'exit': what it still said is read first.
    child.on('close', (code, signal) => this.#end(signal ?? `exit code ${code}`));
    // Its end is told by 'close'.
    child.stdin.on('error', () => undefined);
    this.#hear();
    this.#logWords();
  }

  /** The end of its last words on stderr, for error messages. */
  get lastWords(): string {
    return this.#lastWords;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Writes one message. What a process that is gone gets is lost; its end is told. */
  send(message: JsonRpcMessage): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** While paused, the server blocks as soon as its pipe is full. */
  pause(): void {
    this.#child.stdout.pause();
  }

  resume(): void {
    this.#child.stdout.resume();
  }

  /** Closes its input, then SIGTERM, then SIGKILL (MCP, life cycle, shutdown of stdio). Resolves when it is gone. */
  async stop(): Promise<void> {
    this.resume();
    this.#child.stdin.end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (await this.#isGoneWithin(END_MS)) return;
      this.#child.kill(signal);
    }
    await this.#gone.promise;
  }

  #hear(): void {
    const { logger, onMessage } = this.#options;
    const reader = createLineReader(LINE_CHARS_MAX);
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      try {
        for (const line of reader.push(chunk)) {
          const message = parse(line);
          if (message !== undefined) onMessage(message);
          // A server that prints to stdout is the most frequent mistake with stdio: say what and where.
          else logger.warn('not MCP on stdout', { line: line.slice(0, LOG_CHARS_MAX) });
        }
      } catch (error) {
        logger.error('the server is ended for what it says', { error: String(error) });
        this.#child.kill('SIGKILL');
      }
    });
  }

  #logWords(): void {
    const { logger } = this.#options;
    const words = createLineReader(Infinity);
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of words.push(chunk)) {
        this.#lastWords = line.slice(0, LOG_CHARS_MAX);
        logger.info(this.#lastWords, { stream: 'stderr', pid: this.#child.pid });
      }
    });
  }

  #end(how: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#gone.resolve();
    this.#options.onEnd(how);
  }

  async #isGoneWithin(ms: number): Promise<boolean> {
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.schedule(ms, late.resolve);
    await Promise.race([this.#gone.promise, late.promise]);
    cancel();
    return this.#isGone;
  }
}

function parse(line: string): ClassifiedMessage | undefined {
  try {
    const message = classifyMessage(JSON.parse(line) as unknown);
    return message.ok ? message.value : undefined;
  } catch {
    return undefined;
  }
}
