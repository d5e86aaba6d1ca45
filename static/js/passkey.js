// Passkeys: a form with data-passkey asks the authenticator first and sends what it answered.
// "create" enrols one, "get" signs an answer. Without this script the form only explains itself.
const bytes = (text) => Uint8Array.from(
  atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0),
);
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const keys = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));

if (globalThis.PublicKeyCredential && navigator.credentials) {
  document.documentElement.classList.add("passkeys");
}

const ask = {
  create: (options) => navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: keys(options.excludeCredentials ?? []),
    },
  }),
  get: (options) => navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: keys(options.allowCredentials),
    },
  }),
};

const plain = ({ id, type, rawId, response }) => ({
  id,
  type,
  rawId: text(rawId),
  response: {
    clientDataJSON: text(response.clientDataJSON),
    ...(response.attestationObject
      ? {
        attestationObject: text(response.attestationObject),
        transports: response.getTransports?.() ?? [],
      }
      : {
        authenticatorData: text(response.authenticatorData),
        signature: text(response.signature),
      }),
  },
});

const words = {
  NotAllowedError: "Nothing was signed: it was cancelled, took too long, or no passkey here fits.",
  InvalidStateError: "This device already holds a passkey of yours for this portal.",
  NotSupportedError: "This device makes no passkey of a kind that the portal takes.",
  ConstraintError: "This device cannot check that it is you. Set up a PIN, fingerprint or face.",
  SecurityError: "Passkeys of this portal work at its own address only. Open it there.",
  AbortError: "Cancelled. Nothing was signed.",
  UnknownError: "The device could not answer. Nothing was signed. Try again.",
  NotReadableError: "The device could not be reached. Nothing was signed. Try again.",
};
const because = (error) => words[error.name]
  ?? `The browser could not do it (${error.name}). Nothing was signed.`;

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const act = ask[form.dataset.passkey];
  if (!act) return;
  event.preventDefault();
  const says = form.querySelector("[data-passkey-says]");
  const button = form.querySelector("[type=submit]");
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true"; // not disabled: focus stays here, and the page waits for it
  says.textContent = "Answer your device…";
  try {
    const made = await act(JSON.parse(form.dataset.options));
    form.elements.credential.value = JSON.stringify(plain(made));
    if (!form.isConnected) { // the page has renewed itself meanwhile
      form.hidden = true;
      document.body.append(form);
    }
    form.submit();
  } catch (error) {
    says.textContent = because(error);
    button.ariaDisabled = null;
    button.focus();
  }
});
