import "asciinema-player/dist/bundle/asciinema-player.css";

import { create, type Player } from "asciinema-player";

/** The inside of the frame in which recordings are played; see pages/task/terminal/Replay.tsx. */

interface Wish {
  cast: string;
  speed: number;
}

const box = document.getElementById("player");
let player: Player | null = null;
let shown: string | null = null;

async function play({ cast, speed }: Wish): Promise<void> {
  if (!box) return;
  const at = cast === shown && player ? await (player.getCurrentTime() as number | Promise<number>) : 0;
  player?.dispose();
  shown = cast;
  player = create({ data: cast }, box, { speed, startAt: at, autoPlay: true, fit: "both", idleTimeLimit: 2, theme: "asciinema", terminalFontFamily: "ui-monospace, monospace" });
}

window.addEventListener("message", (event: MessageEvent<Wish>) => {
  if (event.source === window.parent) void play(event.data);
});
window.parent.postMessage({ kind: "ready" }, "*");
