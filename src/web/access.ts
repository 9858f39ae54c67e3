/** Where the token is kept while the tab is open: it is taken out of the address, which browsers remember and share. */
const KEPT = 'tcplab-token';
/** Between the tabs of this page's origin. */
const CHANNEL = 'tcplab-token';
const ASKS_MS = 500;

/** What the part of an address after # says: `#TOKEN`, `#scenario=zero-window`, or both with & between them. */
export function parseHash(hash: string): { token: string | null; scenario: string | null } {
  const parts = hash.replace(/^#/, '').split('&').filter(Boolean);
  return {
    token: parts.find((part) => !part.includes('=')) ?? null,
    scenario: parts.find((part) => part.startsWith('scenario='))?.slice('scenario='.length) ?? null,
  };
}

/** The token of the address, of this tab, or of another tab that shows the page: for a link on somebody's slide. */
export async function takeToken(given: string | null): Promise<string | null> {
  if (given !== null) sessionStorage.setItem(KEPT, given);
  const token = sessionStorage.getItem(KEPT) ?? (await askOtherTabs());
  if (token === null) return null;
  sessionStorage.setItem(KEPT, token);
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    if (data === 'token?') channel.postMessage({ token });
  };
  return token;
}

function askOtherTabs(): Promise<string | null> {
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise<string | null>((resolve) => {
    channel.onmessage = ({ data }) => {
      if (typeof data?.token === 'string') resolve(data.token);
    };
    channel.postMessage('token?');
    setTimeout(() => resolve(null), ASKS_MS);
  }).finally(() => channel.close());
}
