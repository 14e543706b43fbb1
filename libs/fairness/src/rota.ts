/**
 * One level of weighted deficit round robin: whose turn it is among members that share something.
 *
 * Owns turns, credit and debt. Does not own what the members queue, nor why one is not eligible.
 *
 * R1 In one round a member gets one turn at most, of `quantum * weight` units. It is served while its
 *    credit is positive, so it may overdraw by one item; the debt is paid from its following turns.
 * R2 Credit is never saved: whoever leaves with credit begins again at none. Debt is kept, less what
 *    the rounds missed would have paid, so that leaving and coming back gains nothing.
 * R3 A member that had no turn in this round goes before those that did: a quiet one waits for the
 *    turn in progress, not for the whole round.
 * R4 The work of `current` is bounded by twice the members for each item served, however large debts
 *    are: a round that serves nobody is followed by a jump over all rounds that would serve nobody.
 *
 * Source: M. Shreedhar and G. Varghese, "Efficient Fair Queuing Using Deficit Round-Robin" (1996), in the
 * variant that charges after serving; new members first as in RFC 8290, section 4.1.
 */

/** What a rota knows of a member. The rota alone changes `credit`, `round` and `listed`. */
export interface Member {
  /** Relative share; positive. May change at any time and counts from the next turn. */
  weight: number;
  /** Has something to be served and may be served. Changed by the owner, who calls `enter` when it becomes true. */
  eligible: boolean;
  /** Units left of the turn; negative is debt. */
  credit: number;
  /** The last round in which it had a turn. */
  round: number;
  /** Stands in one of the rota's lists, or has the turn. Dropped lazily once not eligible. */
  listed: boolean;
}

/** First in, first out, over an array whose consumed head is cut off now and then. */
interface Line<M> {
  items: M[];
  head: number;
}

/** Consumed items that a line keeps before it is cut; a count. */
const LINE_SLACK = 64;

function take<M>(line: Line<M>): M | undefined {
  if (line.head === line.items.length) return undefined;
  const member = line.items[line.head++];
  if (line.head === line.items.length) {
    line.items.length = 0;
    line.head = 0;
  } else if (line.head > LINE_SLACK && line.head * 2 > line.items.length) {
    line.items.splice(0, line.head);
    line.head = 0;
  }
  return member;
}

/** A class for the sake of one hidden shape: three levels of these are on the path of every step. */
export class Rota<M extends Member> {
  readonly #quantum: number;
  #round = 1;
  #servedInRound = false;
  #active: M | undefined;
  /** Arrived in this round without a turn yet (R3). */
  #fresh: Line<M> = { items: [], head: 0 };
  /** Carried over from the round before. */
  #turn: Line<M> = { items: [], head: 0 };
  /** Had their turn; go on in the next round. */
  #later: Line<M> = { items: [], head: 0 };

  /** `quantum`: units of one turn at weight 1. */
  constructor(quantum: number) {
    this.#quantum = quantum;
  }

  /** A member has become eligible. Calling it for one that stands in a list already changes nothing. */
  enter(member: M): void {
    if (member.listed) return;
    member.listed = true;
    if (member.round === this.#round) {
      this.#later.items.push(member);
      return;
    }
    const missed = this.#round - member.round - 1;
    member.credit = Math.min(0, member.credit + missed * this.#quantum * member.weight);
    this.#fresh.items.push(member);
  }

  /** The member to be served now; undefined when none is eligible. */
  current(): M | undefined {
    const active = this.#active;
    if (active !== undefined && active.eligible && active.credit > 0) {
      this.#servedInRound = true;
      return active;
    }
    return this.#advance();
  }

  /** Takes `cost` units from a member, whether or not it has the turn. */
  charge(member: M, cost: number): void {
    member.credit -= cost;
  }

  #advance(): M | undefined {
    this.#endTurn();
    for (;;) {
      const member = take(this.#fresh) ?? take(this.#turn);
      if (member === undefined) {
        if (this.#later.items.length === 0) return undefined;
        this.#beginRound();
        continue;
      }
      this.#active = member;
      if (!member.eligible) {
        this.#endTurn();
        continue;
      }
      member.round = this.#round;
      member.credit = Math.min(0, member.credit) + this.#quantum * member.weight;
      if (member.credit > 0) {
        this.#servedInRound = true;
        return member;
      }
      this.#endTurn();
    }
  }

  #endTurn(): void {
    const member = this.#active;
    if (member === undefined) return;
    this.#active = undefined;
    if (member.eligible) this.#later.items.push(member);
    else member.listed = false;
  }

  #beginRound(): void {
    const empty = this.#turn;
    this.#turn = this.#later;
    this.#later = empty;
    this.#round++;
    if (this.#servedInRound) this.#servedInRound = false;
    else this.#skipBarrenRounds();
  }

  /** R4. Nobody had credit in a whole round: pay everybody the rounds until the first one has. */
  #skipBarrenRounds(): void {
    let rounds = Number.POSITIVE_INFINITY;
    const members = this.#turn.items;
    for (const member of members) {
      if (member.eligible) rounds = Math.min(rounds, Math.floor(-member.credit / (this.#quantum * member.weight)));
    }
    if (rounds === 0 || rounds === Number.POSITIVE_INFINITY) return;
    for (const member of members) member.credit = Math.min(0, member.credit + rounds * this.#quantum * member.weight);
    this.#round += rounds;
  }
}
