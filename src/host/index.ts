/** Band 1: the machine behind ports: clocks, chance, files, the life cycle of a process. */
export { systemClock, systemRandom } from './clock.ts';
export { makeDirectory, readFileIfExists, replaceFile, syncDirectory } from './files.ts';
export { FolderInUseError, isLockFile, lockFolder, type FolderLock } from './folder-lock.ts';
export {
  createLifecycle,
  onTerminationSignal,
  UsageError,
  type Lifecycle,
  type Stoppable,
} from './lifecycle.ts';
export { findProgram, freePorts } from './programs.ts';
export { closeServer, drained, listen } from './server.ts';
