import { boxConnectionLimit } from './box/box-connection-limit.ts';
import { boxForgotHalfClose } from './box/box-forgot-half-close.ts';
import { boxForgotIcmp } from './box/box-forgot-icmp.ts';
import { boxForgotRst } from './box/box-forgot-rst.ts';
import { boxForgotSilent } from './box/box-forgot-silent.ts';
import { boxLostRst } from './box/box-lost-rst.ts';
import { boxMtuBlackHole } from './box/box-mtu-black-hole.ts';
import { boxOneDirection } from './box/box-one-direction.ts';
import type { BoxScenario } from './scenario.ts';

/** Scenarios with a box between the hosts: what `tcplab run box` runs. */
export const BOX_SCENARIOS: readonly BoxScenario[] = [
  boxForgotSilent,
  boxForgotRst,
  boxForgotIcmp,
  boxForgotHalfClose,
  boxLostRst,
  boxMtuBlackHole,
  boxOneDirection,
  boxConnectionLimit,
];
