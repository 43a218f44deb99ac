/** Gives pods their nodes on the embedded control plane; the rules are in `core`, here are the queue and the binding. */
export { createScheduler, type Scheduler, type SchedulerOptions } from './scheduler.ts';
