// Shows that the server is gone, and brings the page back: by the same circuit, a resumed one, or a fresh load.
const box = document.getElementById('components-reconnect-modal');
const waitMs = 2000;
let trying = false;
let leaving = false;

// Who leaves the page, to sign out for example, is not kept from it.
addEventListener('beforeunload', () => { leaving = true; });

box?.addEventListener('components-reconnect-state-changed', event => {
  const state = event.detail.state;
  box.classList.toggle('gone', state === 'failed' || state === 'rejected');
  if (state === 'show') box.show();
  else if (state === 'hide') box.close();
  else if (state === 'failed') bringBack();
  else if (state === 'rejected') location.reload();

  // Whoever was signed out is not waited for: the server is there and asks for a name.
  if (state === 'show' || state === 'retrying') leaveIfSignedOut();
});

async function leaveIfSignedOut() {
  try {
    // A page that wants a sign-in redirects to it.
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, redirect: 'manual', cache: 'no-store' });
    if (answer.type === 'opaqueredirect' && !leaving) location.reload();
  } catch { /* The server does not answer: it is waited for. */ }
}

async function bringBack() {
  if (trying) return;
  trying = true;
  while (true) {
    try {
      // Both answer false when the server is there but no longer knows the circuit.
      if (await Blazor.reconnect() || await Blazor.resumeCircuit()) break;
      location.reload();
      return;
    } catch {
      await leaveIfSignedOut();
      await new Promise(resolve => setTimeout(resolve, waitMs));
    }
  }
  trying = false;
  box.close();
}
