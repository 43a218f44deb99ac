/** What every chapter of the conversation is written with. */
import type { Body, Endpoint, Reply } from '../fixture.ts';

export type Call = Endpoint['call'];
/** Repeats a POST, unrecorded, until its reply is as wanted: the real server follows some changes a moment later. */
export type Until = (path: string, body: Body, is: (reply: Reply) => boolean) => Promise<void>;
/** Requests one after another about one subject; the replies are recorded by whoever gives `call`. */
export type Chapter = (call: Call, until: Until) => Promise<void>;

export const DEFAULT = '/api/v1/namespaces/default';
export const MERGE = { contentType: 'application/merge-patch+json' };
export const JSON_PATCH = { contentType: 'application/json-patch+json' };
export const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };
export const APPLY = { contentType: 'application/apply-patch+yaml' };
