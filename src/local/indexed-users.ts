import type { User } from "./tenant-objects.ts";

/** A user as it was before its last change, and when that was. */
interface Change {
  readonly before: User | undefined;
  readonly atMs: number;
}

/** The users, and what a search finds of them: it learns of a change only after a while, of a deletion too. */
export class IndexedUsers extends Map<string, User> {
  private readonly changes = new Map<string, Change>();

  private readonly nowMs: () => number;
  private readonly lagMs: () => number;

  constructor(nowMs: () => number, lagMs: () => number) {
    super();
    this.nowMs = nowMs;
    this.lagMs = lagMs;
  }

  override set(userId: string, user: User): this {
    this.changes.set(userId, { before: this.found(userId), atMs: this.nowMs() });
    return super.set(userId, user);
  }

  override delete(userId: string): boolean {
    if (this.has(userId)) this.changes.set(userId, { before: this.found(userId), atMs: this.nowMs() });
    return super.delete(userId);
  }

  /** The users as a search finds them. */
  search(): readonly User[] {
    return [...new Set([...this.keys(), ...this.changes.keys()])].flatMap((id) => this.found(id) ?? []);
  }

  private found(userId: string): User | undefined {
    const change = this.changes.get(userId);
    if (change && this.nowMs() - change.atMs < this.lagMs()) return change.before;
    this.changes.delete(userId);
    return this.get(userId);
  }
}
