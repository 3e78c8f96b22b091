import { describe, expect, it } from "vitest";

import { type Message, SILENCE, Stream, type StreamState } from "./stream";

/** A network of the test's own: each connection is answered by hand, and time passes when the test says so. */
class Network {
  requests: { after: string | null; send: (text: string) => void; end: () => void; cut: () => void; aborted: () => boolean }[] = [];
  waits: { act: () => void; milliseconds: number }[] = [];
  status = 200;
  private arrival: (() => void) | null = null;

  fetch = (_url: string, init: RequestInit): Promise<Response> => {
    const signal = init.signal as AbortSignal;
    const headers = new Headers(init.headers);
    if (this.status === 0) return Promise.reject(new TypeError("no network"));
    const encoder = new TextEncoder();
    let control!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (own) => void (control = own) });
    signal.addEventListener("abort", () => control.error(new DOMException("aborted", "AbortError")));
    this.requests.push({
      after: headers.get("Last-Event-ID"),
      send: (text) => control.enqueue(encoder.encode(text)),
      end: () => control.close(),
      cut: () => control.error(new TypeError("connection reset")),
      aborted: () => signal.aborted,
    });
    this.arrival?.();
    return Promise.resolve(new Response(body, { status: this.status }));
  };

  later = (act: () => void, milliseconds: number): (() => void) => {
    const wait = { act, milliseconds };
    this.waits.push(wait);
    return () => void (this.waits = this.waits.filter((other) => other !== wait));
  };

  /** Lets the wait that is not the watch for silence pass. */
  pass(which: (milliseconds: number) => boolean = (milliseconds) => milliseconds !== SILENCE): void {
    const wait = this.waits.find((each) => which(each.milliseconds));
    if (!wait) throw new Error("nothing waits");
    this.waits = this.waits.filter((other) => other !== wait);
    wait.act();
  }
}

function opened(after: string | null = null) {
  const network = new Network();
  const got: Message[] = [];
  const states: StreamState[] = [];
  let changed: (() => void) | null = null;
  const stream = new Stream({
    url: "/events",
    after,
    onMessages: (messages) => {
      got.push(...messages);
      changed?.();
    },
    onState: (state) => {
      states.push(state);
      changed?.();
    },
    parts: { fetch: network.fetch, later: network.later, now: () => 1000, random: () => 0 },
  });
  stream.start();
  /** Resolves when what is asked for holds; the promise is woken by the stream itself, not by a clock. */
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => void (changed = resolve));
  };
  const places = (): (string | null)[] => got.map((message) => message.id);
  const request = (index: number) => {
    const found = network.requests[index];
    if (!found) throw new Error(`no request ${index}`);
    return found;
  };
  return { network, stream, got, states, until, places, request };
}

const event = (id: number): string => `id: ${id}\nevent: event\ndata: {"place":${id}}\n\n`;

describe("a stream", () => {
  it("goes on after the last event that it handed on", async () => {
    const { network, until, places, states, request } = opened();
    await until(() => states.at(-1)?.kind === "live");
    request(0).send(event(1) + event(2));
    await until(() => places().length === 2);
    request(0).cut();
    await until(() => states.at(-1)?.kind === "lost");
    network.pass();
    await until(() => states.at(-1)?.kind === "live");
    expect(request(1).after).toBe("2");
    request(1).send(event(3));
    await until(() => places().length === 3);
    expect(places()).toEqual(["1", "2", "3"]);
  });

  it("drops what comes a second time", async () => {
    const { until, places, states, request } = opened("5");
    await until(() => states.at(-1)?.kind === "live");
    expect(request(0).after).toBe("5");
    request(0).send(event(4) + event(5) + event(6) + event(6) + event(7));
    await until(() => places().length === 2);
    expect(places()).toEqual(["6", "7"]);
  });

  it("does not count half of an event as read", async () => {
    const { network, until, places, states, request } = opened();
    await until(() => states.at(-1)?.kind === "live");
    request(0).send(event(1) + 'id: 2\nevent: event\ndata: {"pla');
    await until(() => places().length === 1);
    request(0).end();
    await until(() => states.at(-1)?.kind === "lost");
    network.pass();
    await until(() => states.at(-1)?.kind === "live");
    expect(request(1).after).toBe("1");
  });

  it("hands on states without an id each time, and they move no place", async () => {
    const { until, got, states, request, network } = opened("3");
    await until(() => states.at(-1)?.kind === "live");
    request(0).send("event: task\ndata: {}\n\nevent: task\ndata: {}\n\n: comment\n\n");
    await until(() => got.length === 2);
    request(0).cut();
    await until(() => states.at(-1)?.kind === "lost");
    network.pass();
    await until(() => states.at(-1)?.kind === "live");
    expect(request(1).after).toBe("3");
  });

  it("gives up a connection that has fallen silent", async () => {
    const { network, until, states, request } = opened();
    await until(() => states.at(-1)?.kind === "live");
    network.pass((milliseconds) => milliseconds === SILENCE);
    await until(() => states.at(-1)?.kind === "lost");
    expect(request(0).aborted()).toBe(true);
  });

  it("waits longer each time, up to a bound, and tries at once when woken", async () => {
    const { network, until, states, stream } = opened();
    await until(() => states.at(-1)?.kind === "live");
    network.status = 0;
    network.requests[0]?.cut();
    const waits: number[] = [];
    for (let round = 1; round <= 8; round += 1) {
      const before = states.length;
      await until(() => states.filter((state) => state.kind === "lost").length === round);
      const wait = network.waits.find((each) => each.milliseconds !== SILENCE);
      waits.push(wait?.milliseconds ?? -1);
      if (round < 8) network.pass();
      expect(states.length).toBeGreaterThanOrEqual(before);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500, 7500]);
    network.status = 200;
    stream.wake();
    await until(() => states.at(-1)?.kind === "live");
    expect(states.filter((state) => state.kind === "lost").every((state) => state.since === 1000)).toBe(true);
  });

  it("ends when nobody is signed in, or the task is not there", async () => {
    const network = new Network();
    network.status = 401;
    const states: StreamState[] = [];
    await new Promise<void>((resolve) => {
      new Stream({
        url: "/events",
        onMessages: () => undefined,
        onState: (state) => {
          states.push(state);
          if (state.kind === "over") resolve();
        },
        parts: { fetch: network.fetch, later: network.later },
      }).start();
    });
    expect(states).toEqual([{ kind: "connecting" }, { kind: "over", status: 401 }]);
    expect(network.waits).toEqual([]);
  });
});
