"use strict";
// The passkey buttons of /login. Without this script the other ways in work all the same.

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const withBytes = (descriptors) =>
  (descriptors || []).map((each) => ({ ...each, id: toBytes(each.id) }));

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || response.statusText);
  return answer;
}

async function signIn(button) {
  const { options } = await post("/login/passkey/options", {});
  const found = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: withBytes(options.allowCredentials),
    },
  });
  const answer = await post("/login/passkey/verify", {
    return_to: button.dataset.returnTo,
    response: {
      id: found.id,
      rawId: toText(found.rawId),
      type: found.type,
      response: {
        clientDataJSON: toText(found.response.clientDataJSON),
        authenticatorData: toText(found.response.authenticatorData),
        signature: toText(found.response.signature),
        userHandle: found.response.userHandle ? toText(found.response.userHandle) : null,
      },
    },
  });
  location.assign(answer.go_to);
}

async function register() {
  const { options } = await post("/api/v1/passkeys/options", {});
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    },
  });
  await post("/api/v1/passkeys", {
    label: document.getElementById("passkey-label").value || "passkey",
    response: {
      id: made.id,
      rawId: toText(made.rawId),
      type: made.type,
      response: {
        clientDataJSON: toText(made.response.clientDataJSON),
        attestationObject: toText(made.response.attestationObject),
      },
    },
  });
}

function onClick(id, act, done) {
  const button = document.getElementById(id);
  if (!button) return;
  if (!window.PublicKeyCredential) {
    button.disabled = true;
    return;
  }
  const says = document.getElementById("says");
  button.addEventListener("click", async () => {
    says.textContent = "";
    try {
      await act(button);
      if (done) says.textContent = done;
    } catch (error) {
      says.textContent = error.message;
    }
  });
}

onClick("passkey-sign-in", signIn);
onClick("passkey-register", register, "The passkey is registered.");
