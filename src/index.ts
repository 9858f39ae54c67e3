/**
 * tcplab as a library: labs of two hosts, scenarios that bring a connection into a state, and the timeline of what was
 * observed. The process must be able to create network namespaces: as root, or started by
 * `unshare --user --map-root-user --net --mount -- node ...`. Wrong arguments are a TcplabError with code USAGE.
 */
export { type ErrorCode, SystemError, TcplabError } from './error.ts';
export type { Connection, ConnectionEnd } from './evidence/connection.ts';
export type { HostName, TimelineEvent } from './evidence/events.ts';
export { type Passage, passages } from './evidence/segments.ts';
export { Timeline } from './evidence/timeline.ts';
export { judge, type Testimony, type Verdict, type VerdictWord } from './evidence/verdict.ts';
export type { WitnessName } from './evidence/witness/witness.ts';
export type { FirewallKind } from './lab/firewall.ts';
export type { Host, SocketNumber, SpawnOptions } from './lab/host.ts';
export { Lab, type LabOptions, type Tables } from './lab/lab.ts';
export type { Fate, Rule } from './lab/rule.ts';
export { resultOf, type ScenarioResult, type SegmentReport } from './report/story/result.ts';
export type { MachineReport, RunReport } from './report/story/run-report.ts';
export { BOX_SCENARIOS } from './scenario/box-catalogue.ts';
export { CATALOGUE, findScenarios } from './scenario/catalogue.ts';
export { type RunOptions, runScenario } from './scenario/run.ts';
export type { BoxScenario, CatalogueScenario, Scenario } from './scenario/scenario.ts';
export type { Stage } from './scenario/stage.ts';
export { ARCS, type Arc, type Trigger } from './tcp/arcs.ts';
export type { Endpoint, Family } from './tcp/endpoint.ts';
export type { IcmpError, Segment, WirePacket } from './tcp/segment.ts';
export type { SocketOption } from './tcp/socket-options.ts';
export type { SocketRow, SocketTimer, TcpInfo } from './tcp/socket-row.ts';
export { parseState, STATES, type State } from './tcp/state.ts';
