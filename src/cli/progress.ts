/** Long work that shows what it waits for: a line that lives on a terminal, plain lines elsewhere. */
import type { Clock } from '../std/index.ts';

export interface Progress {
  /** Runs `work` while a line says what is waited for; the line stays with the time it took. */
  wait<T>(what: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  /** Prints one line at once. */
  say(text: string): void;
}

/** Where lines go: a terminal can rewrite its last line. */
export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const REFRESH_MS = 100;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export function createProgress(clock: Clock, output: ProgressOutput): Progress {
  const live = output.isTTY === true;
  const seconds = (since: number): string => `${((clock.monotonic() - since) / 1000).toFixed(1)} s`;
  return {
    say: (text) => void output.write(`${text}\n`),
    async wait(what, work) {
      const started = clock.monotonic();
      let detail = '';
      let frame = 0;
      let cancel = (): void => undefined;
      const draw = (): void => {
        const suffix = detail === '' ? '' : `: ${detail}`;
        output.write(
          `\r\x1b[K${FRAMES[frame++ % FRAMES.length]} ${what}${suffix} (${seconds(started)})`,
        );
        cancel = clock.schedule(REFRESH_MS, draw);
      };
      if (live) draw();
      else output.write(`… ${what}\n`);
      const clear = live ? '\r\x1b[K' : '';
      try {
        const result = await work((text) => {
          if (!live && text !== detail) output.write(`  ${text} (${seconds(started)})\n`);
          detail = text;
        });
        output.write(`${clear}✓ ${what} (${seconds(started)})\n`);
        return result;
      } catch (error) {
        output.write(`${clear}✗ ${what} (${seconds(started)})\n`);
        throw error;
      } finally {
        cancel();
      }
    },
  };
}
