"""The part of the model of streams that is about consumer groups. See streammodel.py."""
from resp import Error
from streammodel import (MAX, NEVER, Group, Model, Pending, Stream, bound, now_ms, parse, take, take_flag, text_of)


class GroupModel(Model):
    def do_xgroup(self, args, actual):
        what, key, name = args[:3]
        stream = self.get(key)
        if what == "CREATE":
            if stream is None and "MKSTREAM" not in args:
                raise no_key()
            last = self.group_start(args[3], stream)
            stream = self.streams.setdefault(key, stream or Stream())
            if name in stream.groups:
                raise Error("BUSYGROUP Consumer Group name already exists")
            stream.groups[name] = Group(last)
            return b"OK"
        if stream is None:
            raise no_key()
        if what == "DESTROY":
            return int(stream.groups.pop(name, None) is not None)
        _, group = self.get(key, name, "NOGROUP No such consumer group '%.0s%s' for key name '" + key + "'")
        if what == "SETID":
            group.last = self.group_start(args[3], stream)
            return b"OK"
        consumer = args[3].encode()
        if what == "CREATECONSUMER":
            is_new = consumer not in group.consumers
            group.consumers.add(consumer)
            return int(is_new)
        group.consumers.discard(consumer)
        dropped = [entry for entry, pending in group.pending.items() if pending.consumer == consumer]
        for entry in dropped:
            del group.pending[entry]
        return len(dropped)

    def group_start(self, text, stream):
        return (stream.last if stream else (0, 0)) if text == "$" else parse(text)

    def do_xreadgroup(self, args, actual):
        name, consumer = args[1], args[2].encode()
        args = args[3:]
        count = int(take(args, "COUNT", MAX))
        claim, noack = take(args, "CLAIM"), take_flag(args, "NOACK")
        take(args, "BLOCK")
        n = len(args) // 2
        found, starts = [], []
        for key, text in zip(args[1:n + 1], args[n + 1:]):
            found.append(self.get(key, name, "NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP "
                                  "option"))
            starts.append(text if text == ">" else parse(text))
        answer, told = [], dict(actual or []) if not isinstance(actual, Error) else {}
        for key, start, (stream, group) in zip(args[1:n + 1], starts, found):
            key = key.encode()
            group.consumers.add(consumer)
            if start != ">":
                answer.append([key, self.history(stream, group, consumer, start, count)])
                continue
            rows = self.claim_idle(stream, group, consumer, int(claim), count, told.get(key, [])) if claim else []
            fresh = stream.after(group.last)[:count - len(rows)]
            for entry in fresh:
                self.give(group, entry, consumer, noack)
            # The documentation does not say whether new entries have these two numbers beside claimed ones.
            is_long = claim and told.get(key) and len(told[key][-1]) == 4
            rows += [stream.row(entry) + ([0, 0] if is_long else []) for entry in fresh]
            if rows:
                answer.append([key, rows])
        return answer or None

    def give(self, group, entry, consumer, noack):
        group.last = entry
        if not noack:
            group.pending[entry] = Pending(consumer, now_ms())

    def history(self, stream, group, consumer, start, count):
        rows = []
        for entry in group.between(start, (MAX, MAX)):
            pending = group.pending[entry]
            if entry == start or pending.consumer != consumer or len(rows) == count:
                continue
            if entry in stream.fields:
                pending.time, pending.deliveries = now_ms(), min(pending.deliveries + 1, NEVER)
            rows.append([text_of(entry), stream.fields.get(entry)])
        return rows

    def claim_idle(self, stream, group, consumer, idle, count, told):
        """What CLAIM adds: entries that are idle for so long, released ones first. The server knows which are older."""
        now = now_ms()
        idle_ids = {text_of(entry): entry for entry in group.pending if group.pending[entry].is_idle(now, idle)}
        n = min(len(idle_ids), count)
        rows = told[:n]
        ids = [idle_ids[row[0]] for row in rows if row[0] in idle_ids]
        assert len(set(ids)) == n, "%s claimed, %d of %s can be" % (rows, n, sorted(idle_ids))
        released = [entry for entry in idle_ids.values() if group.pending[entry].consumer is None]
        assert all(entry in released for entry in ids[:len(released)]), "released entries are not the first"
        answer = []
        for entry, row in zip(ids, rows):
            pending = group.pending[entry]
            answer.append(stream.row(entry) + [row[2], pending.deliveries])
            assert row[2] >= min(idle, 2**62) or pending.consumer is None
            pending.consumer, pending.time = consumer, now
            pending.deliveries = min(pending.deliveries + 1, NEVER)
        return answer

    def do_xack(self, args, actual):
        stream = self.get(args[0])
        group = stream.groups.get(args[1]) if stream else None
        if not group:
            return 0
        return sum(group.pending.pop(entry, None) is not None for entry in [parse(text) for text in args[2:]])

    def do_xackdel(self, args, actual):
        key, name = args[:2]
        args = args[2:]
        refs, stream = take_flag(args, "KEEPREF", "DELREF", "ACKED"), self.get(key)
        group = stream.groups.get(name) if stream else None
        answer = []
        for entry in [parse(text) for text in args[2:]]:
            if group is None or group.pending.pop(entry, None) is None:
                answer.append(-1)
                continue
            result = self.delete_by(stream, entry, refs)
            # An entry that is gone from the stream was acknowledged all the same.
            answer.append(result if result > 0 else 2 if refs == "ACKED" and stream.is_needed(entry) else 1)
        return answer

    def do_xnack(self, args, actual):
        stream, group = self.get(*args[:2])
        mode, args = args[2], args[3:]
        count, force = take(args, "RETRYCOUNT"), take_flag(args, "FORCE")
        n = 0
        for entry in [parse(text) for text in args[2:]]:
            pending = group.pending.get(entry)
            if pending is None:
                if not force or entry not in stream.fields:
                    continue
                pending = group.pending[entry] = Pending(None, 0)
                pending.deliveries = 0
            pending.consumer, pending.time = None, 0
            if count is not None:
                pending.deliveries = int(count)
            elif mode == "FATAL":
                pending.deliveries = NEVER
            elif mode == "SILENT":
                pending.deliveries = max(0, pending.deliveries - 1)
            n += 1
        return n

    def do_xpending(self, args, actual):
        key, name, args = args[0], args[1], args[2:]
        if not args:
            return self.pending_summary(self.get(key, name)[1])
        idle = int(take(args, "IDLE", 0))
        start, end = bound(args[0], False), bound(args[1], True)
        consumer = args[3].encode() if len(args) > 3 else None
        _, group = self.get(key, name)
        rows, now = [], now_ms()
        for entry in group.between(start, end):
            pending = group.pending[entry]
            if pending.is_idle(now, idle) and (consumer is None or pending.consumer == consumer):
                rows.append([text_of(entry), pending.consumer or b"", pending.deliveries])
        return rows[:int(args[2])]

    def pending_summary(self, group):
        if not group.pending:
            return [0, None, None, None]
        counts = {}
        for pending in group.pending.values():
            counts[pending.consumer] = counts.get(pending.consumer, 0) + 1
        counts.pop(None, None)
        ids = sorted(group.pending)
        return [len(ids), text_of(ids[0]), text_of(ids[-1]), [[name, b"%d" % counts[name]] for name in sorted(counts)]]

    def do_xclaim(self, args, actual):
        stream, group = self.get(*args[:2])
        consumer, least, args = args[2].encode(), int(args[3]), args[4:]
        idle, count, last = int(take(args, "IDLE", 0)), take(args, "RETRYCOUNT"), take(args, "LASTID")
        force, justid = take_flag(args, "FORCE"), take_flag(args, "JUSTID")
        ids = [self.claim_id(text) for text in args]
        if last:
            group.last = max(group.last, parse(last))
        group.consumers.add(consumer)
        now, answer = now_ms(), []
        for entry in ids:
            pending = group.pending.get(entry)
            if entry not in stream.fields:
                group.pending.pop(entry, None)
                continue
            if pending is None and force:
                pending = group.pending[entry] = Pending(None, now)
            if pending is None or not pending.is_idle(now, least):
                continue
            pending.consumer, pending.time = consumer, now - idle
            if count is not None:
                pending.deliveries = int(count)
            elif not justid:
                pending.deliveries = min(pending.deliveries + 1, NEVER)
            answer.append(text_of(entry) if justid else stream.row(entry))
        return answer

    def claim_id(self, text):
        """What is not an id must be an option."""
        try:
            return parse(text)
        except Error:
            raise Error("ERR Unrecognized XCLAIM option '%s'" % text) from None

    def do_xautoclaim(self, args, actual):
        consumer, least, start = args[2].encode(), int(args[3]), bound(args[4], False)
        stream, group = self.get(*args[:2])
        count, justid = int(take(args, "COUNT", 100)), take_flag(args, "JUSTID")
        group.consumers.add(consumer)
        attempts, now, claimed, deleted = count * 10, now_ms(), [], []
        ids = group.between(start, (MAX, MAX))
        while ids and attempts and count:
            entry = ids.pop(0)
            attempts -= 1
            pending = group.pending[entry]
            if entry not in stream.fields:
                del group.pending[entry]
                deleted.append(text_of(entry))
                count -= 1
                continue
            if not pending.is_idle(now, least):
                continue
            pending.consumer, pending.time = consumer, now
            if not justid:
                pending.deliveries = min(pending.deliveries + 1, NEVER)
            claimed.append(text_of(entry) if justid else stream.row(entry))
            count -= 1
        return [text_of(ids[0]) if ids else b"0-0", claimed, deleted]

    def do_xinfo(self, args, actual):
        stream = self.get(args[1])
        if stream is None:
            raise Error("ERR no such key")
        if args[0] == "GROUPS":
            return [{b"name": name.encode(), b"consumers": len(group.consumers), b"pending": len(group.pending),
                     b"last-delivered-id": text_of(group.last)} for name, group in sorted(stream.groups.items())]
        if args[0] == "CONSUMERS":
            _, group = self.get(args[1], args[2], "NOGROUP No such consumer group '%.0s%s' for key name '" + args[1] + "'")
            owners = [pending.consumer for pending in group.pending.values()]
            return [{b"name": name, b"pending": owners.count(name)} for name in sorted(group.consumers)]
        return {b"length": len(stream.ids), b"last-generated-id": text_of(stream.last),
                b"max-deleted-entry-id": text_of(stream.max_deleted), b"entries-added": stream.added,
                b"groups": len(stream.groups),
                b"first-entry": stream.row(stream.ids[0]) if stream.ids else None,
                b"last-entry": stream.row(stream.ids[-1]) if stream.ids else None}


def no_key():
    return Error("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
                 "MKSTREAM option to create an empty stream automatically.")
