import { CLIENTS } from './checked-programs-clients.mjs';
import { SERVERS } from './checked-programs-servers.mjs';

/** In the order of the page. */
export const PROGRAMS = [...SERVERS, ...CLIENTS];
