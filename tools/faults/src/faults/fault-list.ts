/** All faults, bed by bed, in the order they are tried. */
import { DISK_FAULTS } from './disk-faults.ts';
import type { Fault } from './fault.ts';
import { REPLICATED_FAULTS } from './replicated-faults.ts';
import { SINGLE_FAULTS } from './single-faults.ts';

export const FAULTS: readonly Fault[] = [...SINGLE_FAULTS, ...REPLICATED_FAULTS, ...DISK_FAULTS];
