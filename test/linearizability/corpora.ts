/** Readers of the judged histories that come with Porcupine: Jepsen's runs against etcd, and an append/get store. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppendOperation, RegisterOperation } from './models.ts';

export interface Judged<O> {
  readonly name: string;
  readonly linearizable: boolean;
  readonly operations: readonly O[];
}

/** The 102 etcd histories with a verdict; `directory` is that of the Go module. */
export function etcdHistories(directory: string): Judged<RegisterOperation>[] {
  return verdicts(directory, /checkJepsen\(t, (\d+), (true|false)\)/g).map(([number, ok]) => {
    const name = `etcd_${number.padStart(3, '0')}`;
    const text = readFileSync(join(directory, 'test_data/jepsen', `${name}.log`), 'utf8');
    return { name, linearizable: ok, operations: parseEtcdLog(text) };
  });
}

/** The 6 histories of a store with append. */
export function appendHistories(directory: string): Judged<AppendOperation>[] {
  return verdicts(directory, /checkKv\(t, "([^"]+)", (true|false), true\)/g).map(([name, ok]) => {
    const text = readFileSync(join(directory, 'test_data/kv', `${name}.txt`), 'utf8');
    return { name, linearizable: ok, operations: parseAppendLog(text) };
  });
}

/** What the module's own tests say of its histories. */
function verdicts(directory: string, pattern: RegExp): [string, boolean][] {
  const tests = readFileSync(join(directory, 'porcupine_test.go'), 'utf8');
  return [...tests.matchAll(pattern)].map(([, name, ok]) => [name as string, ok === 'true']);
}

/** Calls by the process that waits for them; time is the number of the line. */
class Pending<C extends { readonly start: number }> {
  readonly #calls = new Map<string, C>();

  begin(process: string, call: C): void {
    if (this.#calls.has(process)) throw new Error(`process ${process} calls twice at once`);
    this.#calls.set(process, call);
  }

  finish(process: string): C {
    const call = this.#calls.get(process);
    if (call === undefined) throw new Error(`process ${process} got an answer without a call`);
    this.#calls.delete(process);
    return call;
  }

  rest(): C[] {
    return [...this.#calls.values()];
  }
}

interface EtcdCall {
  readonly op: string;
  readonly argument: string;
  readonly start: number;
}

const ETCD_LINE = /^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(invoke|ok|fail|info)\s+:(\w+)\s+(.*)$/;

export function parseEtcdLog(text: string): RegisterOperation[] {
  const operations: RegisterOperation[] = [];
  const pending = new Pending<EtcdCall>();
  for (const [line, content] of text.split('\n').entries()) {
    const match = ETCD_LINE.exec(content.trimEnd());
    if (match === null) continue;
    const [, process = '', type = '', op = '', argument = ''] = match;
    if (type === 'invoke') {
      pending.begin(process, { op, argument, start: line });
    } else if (type !== 'info') {
      // A read that timed out says nothing; an `info` leaves its call open.
      const call = pending.finish(process);
      if (argument !== ':timed-out') operations.push(etcdOperation(call, line, type, argument));
    }
  }
  for (const call of pending.rest()) {
    if (call.op !== 'read') operations.push(etcdOperation(call, undefined, 'info', call.argument));
  }
  return operations;
}

function etcdOperation(
  call: EtcdCall,
  end: number | undefined,
  type: string,
  answer: string,
): RegisterOperation {
  const common = { key: 'register', start: call.start, end };
  const numbers = (call.op === 'read' ? answer : call.argument).match(/\d+/g)?.map(Number) ?? [];
  const [first, second] = numbers;
  switch (call.op) {
    case 'read':
      return { ...common, op: 'read', output: first ?? null };
    case 'write':
      return { ...common, op: 'write', value: first as number };
    case 'cas': {
      const swapped = type === 'info' ? undefined : type === 'ok';
      return { ...common, op: 'cas', expected: first as number, value: second as number, swapped };
    }
    default:
      throw new Error(`an operation nobody knows: ${call.op}`);
  }
}

interface AppendCall {
  readonly op: 'get' | 'put' | 'append';
  readonly key: string;
  readonly value: string;
  readonly start: number;
}

const APPEND_LINE =
  /^\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "(.*)", :value (?:nil|"(.*)")\}$/;

export function parseAppendLog(text: string): AppendOperation[] {
  const operations: AppendOperation[] = [];
  const pending = new Pending<AppendCall>();
  for (const [line, content] of text.split('\n').entries()) {
    const match = APPEND_LINE.exec(content.trimEnd());
    if (match === null) continue;
    const [, process = '', type, op, key = '', value = ''] = match;
    if (type === 'invoke') {
      pending.begin(process, { op: op as AppendCall['op'], key, value, start: line });
    } else {
      const call = pending.finish(process);
      const common = { key: call.key, start: call.start, end: line };
      if (call.op === 'get') operations.push({ ...common, op: 'get', output: value });
      else operations.push({ ...common, op: call.op, value: call.value });
    }
  }
  for (const { op, key, value, start } of pending.rest()) {
    if (op !== 'get') operations.push({ op, key, value, start, end: undefined });
  }
  return operations;
}
