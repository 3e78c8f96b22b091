export function Attempts() {
  return null;
}
