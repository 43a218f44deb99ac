/** TLS material that can change while the process runs: a mounted Secret is replaced when certificates rotate. */
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** PEM texts of one end of a mutual TLS connection. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface TlsSource {
  current(): TlsMaterial;
  /** Calls `listener` after the material changed; returns the function that stops that. */
  onChange(listener: (material: TlsMaterial) => void): () => void;
}

/** Material that never changes. */
export function staticTls(material: TlsMaterial): TlsSource {
  return { current: () => material, onChange: () => () => undefined };
}

/**
 * Reads `ca.crt`, `tls.crt` and `tls.key` in `directory` and reads them again when they change; a half-written state
 * (files that do not read) keeps the material in force until the next change. Rejects when a file is missing at first.
 */
export async function openTlsDirectory(directory: string): Promise<TlsSource & { stop(): void }> {
  let material = await readMaterial(directory);
  const listeners = new Set<(material: TlsMaterial) => void>();
  let reading = Promise.resolve();
  const watcher = watch(directory, () => {
    reading = reading.then(reload, reload);
  });
  async function reload(): Promise<void> {
    const next = await readMaterial(directory).catch(() => material);
    if (next.ca === material.ca && next.cert === material.cert && next.key === material.key) return;
    material = next;
    for (const listener of listeners) listener(material);
  }
  watcher.unref();
  return {
    current: () => material,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => watcher.close(),
  };
}

async function readMaterial(directory: string): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'tls.crt', 'tls.key'].map((name) => readFile(join(directory, name), 'utf8')),
  );
  return { ca: ca as string, cert: cert as string, key: key as string };
}
