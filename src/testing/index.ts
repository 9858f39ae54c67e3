/**
 * The library for tests: a lab of two hosts per test, its connections, rules and programs, and assertions on the kernel's
 * socket table. The process must be root, or be started by `tcplab exec`. Wrong arguments are a TcplabError with code USAGE.
 */
export { SystemError, TcplabError } from '../error.ts';
export type { HostName } from '../evidence/events.ts';
export type { Program } from '../lab/program.ts';
export type { State } from '../tcp/state.ts';
export { assertState } from './assert-state.ts';
export type { ConnectOptions, TestClient } from './client.ts';
export type { TestConnection, TestEnd } from './connection.ts';
export type { TestHost } from './host.ts';
export { createLab, type NodeSocket, type TestLab, type TestLabOptions } from './lab.ts';
export type { StateObservation, StateOptions } from './look.ts';
export { matchers, type StateMatchers } from './matchers.ts';
export type { MiddleOptions, TestMiddle } from './middle.ts';
export type { Patience } from './patience.ts';
export type { ProgramOptions } from './program.ts';
export type { Rejected, Rejection, Segments, TestRule } from './rule.ts';
export type { Listener, ListenOptions, TestServer } from './server.ts';
