/**
 * A table of execution ids that costs 18 bytes a place, 26 with a number beside each: what a lane knows of
 * executions that are not in its memory.
 *
 * - Exact: all 128 bits of an id's tail are kept, so nothing is ever taken for something else.
 * - Divided into SHARDS tables of open addressing, so that no growth stops the process for long (E6).
 */
import { SLOT_COUNT, slotOf } from '@millrace/identity';

/** Tables that ids are divided over by their last bits. */
const SHARDS = 64;
/** Places of a new shard. */
const PLACES_FIRST = 16;
/** A shard grows when it is fuller than this share. */
const LOAD_MAX = 0.75;
/** Ids of one packed text, at 24 characters each. */
const PACKED_IDS_MAX = 50_000;
/** Bytes of a packed id: its slot, and the words of its tail. */
const PACKED_BYTES = 18;
/** Slot of a free place. */
const FREE = 0xffff;
/** Where the 26 characters of an id's tail begin. */
const TAIL_AT = 6;
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

const DIGITS = new Uint8Array(128);
for (let digit = 0; digit < ALPHABET.length; digit++) DIGITS[ALPHABET.charCodeAt(digit)] = digit;

interface Shard {
  /** Four words an id. */
  words: Uint32Array;
  slots: Uint16Array;
  values: Float64Array | undefined;
  size: number;
}

export interface IdTable {
  readonly size: number;
  has(id: string): boolean;
  /** The number beside the id; undefined when it is not there. 0 in a table without numbers. */
  get(id: string): number | undefined;
  /** Adds the id, or changes its number. */
  set(id: string, value?: number): void;
  /** False when it was not there. */
  delete(id: string): boolean;
  /** The lowest number beside any id; Infinity where there are none. */
  lowest(): number;
  /** Forgets all ids of slots for which `isGone` holds. */
  deleteSlots(isGone: (slot: number) => boolean): void;
  /** The ids of slots for which `isWanted` holds, as texts of at most PACKED_IDS_MAX each; without their numbers. */
  packed(isWanted: (slot: number) => boolean): readonly string[];
  /** Adds the ids of one text of `packed`. Throws when it is none. */
  unpack(text: string): void;
}

/** @param withValues keeps a number beside each id. */
export function createIdTable({ withValues = false }: { readonly withValues?: boolean } = {}): IdTable {
  const shards = Array.from({ length: SHARDS }, () => createShard(PLACES_FIRST, withValues));
  /** The id that was looked at last, as words. */
  const key = new Uint32Array(4);
  let size = 0;

  function shardOf(id: string): Shard {
    readTail(id, key);
    return shards[(key[3] as number) % SHARDS] as Shard;
  }

  return {
    get size() {
      return size;
    },
    has: (id) => size > 0 && find(shardOf(id), key) >= 0,
    get(id) {
      if (size === 0) return undefined;
      const shard = shardOf(id);
      const place = find(shard, key);
      return place < 0 ? undefined : (shard.values?.[place] ?? 0);
    },
    set(id, value = 0) {
      readTail(id, key);
      add(slotOf(id), value);
    },
    delete(id) {
      if (size === 0) return false;
      const shard = shardOf(id);
      const place = find(shard, key);
      if (place < 0) return false;
      free(shard, place);
      size--;
      return true;
    },
    lowest() {
      let lowest = Infinity;
      for (const { slots, values } of shards) for (const [place, value] of (values ?? []).entries()) if (slots[place] !== FREE && value < lowest) lowest = value;
      return lowest;
    },
    deleteSlots(isGone) {
      const gone = new Uint8Array(SLOT_COUNT);
      for (let slot = 0; slot < SLOT_COUNT; slot++) gone[slot] = isGone(slot) ? 1 : 0;
      for (const shard of shards) {
        // What is freed is filled from behind: the same place is looked at again.
        for (let place = 0; place < shard.slots.length; ) {
          const slot = shard.slots[place] as number;
          if (slot === FREE || gone[slot] === 0) place++;
          else {
            free(shard, place);
            size--;
          }
        }
      }
    },
    packed(isWanted) {
      const texts: string[] = [];
      const bytes = Buffer.alloc(PACKED_IDS_MAX * PACKED_BYTES);
      let at = 0;
      const flush = (): void => {
        if (at > 0) texts.push(bytes.toString('base64', 0, at));
        at = 0;
      };
      for (const { slots, words } of shards) {
        for (let place = 0; place < slots.length; place++) {
          const slot = slots[place] as number;
          if (slot === FREE || !isWanted(slot)) continue;
          if (at === bytes.length) flush();
          at = bytes.writeUInt16BE(slot, at);
          for (let word = 0; word < 4; word++) at = bytes.writeUInt32BE(words[place * 4 + word] as number, at);
        }
      }
      flush();
      return texts;
    },
    unpack(text) {
      const bytes = Buffer.from(text, 'base64');
      if (bytes.length % PACKED_BYTES !== 0) throw new Error('packed ids are damaged');
      for (let at = 0; at < bytes.length; at += PACKED_BYTES) {
        const slot = bytes.readUInt16BE(at);
        if (slot >= SLOT_COUNT) throw new Error('packed ids are damaged');
        for (let word = 0; word < 4; word++) key[word] = bytes.readUInt32BE(at + 2 + word * 4);
        add(slot, 0);
      }
    },
  };

  /** Adds the id that `key` holds. */
  function add(slot: number, value: number): void {
    const shard = shards[(key[3] as number) % SHARDS] as Shard;
    const place = find(shard, key);
    if (place >= 0) {
      if (shard.values !== undefined) shard.values[place] = value;
      return;
    }
    if (shard.size + 1 > shard.slots.length * LOAD_MAX) grow(shard);
    insert(shard, key, slot, value);
    size++;
  }
}

function createShard(places: number, withValues: boolean): Shard {
  return { words: new Uint32Array(places * 4), slots: new Uint16Array(places).fill(FREE), values: withValues ? new Float64Array(places) : undefined, size: 0 };
}

/** The 128 bits of an id's tail: 3 of its first character, 5 of each other, the last ten spread over the words. */
function readTail(id: string, into: Uint32Array): void {
  const digit = (at: number): number => DIGITS[id.charCodeAt(TAIL_AT + at) & 127] as number;
  for (let word = 0; word < 4; word++) {
    let bits = 0;
    for (let at = 0; at < 6; at++) bits = (bits << 5) | digit(word * 6 + at);
    into[word] = bits;
  }
  const last = (digit(24) << 5) | digit(25);
  into[0] = ((into[0] as number) << 4) | (last >>> 6);
  into[1] = ((into[1] as number) << 2) | ((last >>> 4) & 3);
  into[2] = ((into[2] as number) << 2) | ((last >>> 2) & 3);
  into[3] = ((into[3] as number) << 2) | (last & 3);
}

/** The place at which the search for an id begins. The first words are the time of timed ids, and much alike. */
function homeOf(words: Uint32Array, at: number, mask: number): number {
  const mixed = Math.imul((words[at + 2] as number) ^ ((words[at + 3] as number) >>> 6), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & mask;
}

/** The id's place; -1 when it has none. */
function find({ words, slots }: Shard, key: Uint32Array): number {
  const mask = slots.length - 1;
  for (let place = homeOf(key, 0, mask); slots[place] !== FREE; place = (place + 1) & mask) {
    const at = place * 4;
    if (words[at + 3] === key[3] && words[at + 2] === key[2] && words[at + 1] === key[1] && words[at] === key[0]) return place;
  }
  return -1;
}

function insert(shard: Shard, key: Uint32Array, slot: number, value: number): void {
  const { words, slots, values } = shard;
  const mask = slots.length - 1;
  let place = homeOf(key, 0, mask);
  while (slots[place] !== FREE) place = (place + 1) & mask;
  words.set(key, place * 4);
  slots[place] = slot;
  if (values !== undefined) values[place] = value;
  shard.size++;
}

/** Frees a place and closes the gap, so that whoever was pushed beyond it is still found. */
function free(shard: Shard, place: number): void {
  const { words, slots, values } = shard;
  const mask = slots.length - 1;
  let gap = place;
  for (let next = (gap + 1) & mask; slots[next] !== FREE; next = (next + 1) & mask) {
    const home = homeOf(words, next * 4, mask);
    // It may move into the gap unless its home lies behind the gap.
    if (((next - home) & mask) < ((next - gap) & mask)) continue;
    words.copyWithin(gap * 4, next * 4, next * 4 + 4);
    slots[gap] = slots[next] as number;
    if (values !== undefined) values[gap] = values[next] as number;
    gap = next;
  }
  slots[gap] = FREE;
  shard.size--;
}

function grow(shard: Shard): void {
  const { words, slots, values } = shard;
  const larger = createShard(slots.length * 2, values !== undefined);
  for (let place = 0; place < slots.length; place++) {
    if (slots[place] !== FREE) insert(larger, words.subarray(place * 4, place * 4 + 4), slots[place] as number, values?.[place] ?? 0);
  }
  Object.assign(shard, larger);
}
