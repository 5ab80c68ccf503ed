"""Write tokens.json: `python -m tests.vectors.make_tokens`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.vectors.forge import (
    BODY,
    EXTENSION,
    FULL,
    HEADER,
    JWKS,
    NOW,
    ORDER,
    SHORT,
    altered,
    b64,
    body_hash,
    carried,
    claiming,
    der,
    escaped,
    hashed,
    headed,
    jwk,
    loosely,
    numbers,
    pem,
    raw,
    signature,
    text,
    token,
    unsigned,
)


def cases() -> list[dict[str, Any]]:  # a table
    """Return every case: a name, what is judged, and the reason that must be found."""
    found: list[dict[str, Any]] = []

    def case(name: str, reason: str, made: str, **given: Any) -> None:
        found.append({"name": name, "reason": reason, "token": made, **given})

    r, s = numbers(unsigned())
    good = token()
    header, claims, mac = good.split(".")

    # let in
    case("every claim", "ok", good)
    case("no more than exp, iat and iss", "ok", token(SHORT))
    case("the second key", "ok", token(header={**HEADER, "kid": "next"}, key="next"))
    case("no typ", "ok", headed(typ=None))
    case("another typ", "ok", headed(typ="at+jwt"))
    case("claims that nobody knows", "ok", claiming(colour="red", nested={"a": [1]}))
    case("escapes in the header", "ok", token(header=text(HEADER).replace(
        b'"ES256"', escaped("ES256").encode())))  # fmt: skip
    case("escapes in the claims", "ok", token(text(FULL).replace(
        b'"kiket.dev"', escaped("kiket.dev").encode())))  # fmt: skip
    case("blanks in header and claims", "ok", token(
        json.dumps(FULL, indent=2).encode(), json.dumps(HEADER, indent=2).encode()))  # fmt: skip
    case("the twin of a signature", "ok", signature(raw(r, ORDER - s)))
    case("an audience that is this extension", "ok", claiming(aud=EXTENSION))
    case("an audience of several", "ok", claiming(aud=["com.example.other", EXTENSION]))
    case("an audience for a numbered extension", "ok", claiming(aud=EXTENSION, ext_id=42))
    case("an empty list as audience", "ok", claiming(aud=[]))
    case("a number where the extension has a name", "ok", claiming(ext_id=42))
    case("a number as text", "ok", claiming(ext_id=42), extension_id="42")
    case("no extension", "ok", claiming(ext_id=None))
    case("an extension without a name", "ok", good, extension_id=None)
    case("the payload's organization", "ok", good, organization_id=12)
    case("the same as text", "ok", good, organization_id="12")
    case("a name where the payload has a number", "ok", claiming(org_id="acme"), organization_id=12)
    case("the payload's project", "ok", good, project_id=27)
    case("the project as text", "ok", good, project_id="27")
    case("a name where the payload has a project's number", "ok", claiming(proj_id="harbour"),
         project_id=27)  # fmt: skip
    case("good from now", "ok", claiming(nbf=NOW))
    case("issued half a minute ahead", "ok", claiming(iat=NOW + 30))
    case("the last second", "ok", good, now=NOW + 599)
    case("a day long", "ok", claiming(exp=NOW + 86_400))
    case("an hour long, strict", "ok", claiming(exp=NOW + 3600), strict=True)
    case("scopes as a text", "ok", claiming(scopes="issues.read issues.write"))
    case("no scopes", "ok", claiming(scopes=None))
    case("every scope", "ok", claiming(scopes=["*"]))
    case("the hash of this body", "ok", claiming(bh=body_hash(BODY)), body=b64(BODY))
    for name in ("bh", "body_hash"):
        made, raw_body = carried(name)
        case(f"the hash of the body that carries it, as {name}", "ok", made, body=b64(raw_body))
    case("a jku and an x5u, which are not followed", "ok", headed(
        jku="https://evil.example/jwks.json", x5u="https://evil.example/x5u"))  # fmt: skip
    case("a key of its own, which is not used", "ok", headed(jwk=jwk("stranger")))
    case("a set that shows its private key", "ok", good,
         jwks={"keys": [jwk("main", d=b64(bytes(32)))]})  # fmt: skip
    case("a set without use and alg", "ok", good,
         jwks={"keys": [jwk("main", use=None, alg=None)]})  # fmt: skip
    case("the sixteenth key", "ok", good,
         jwks={"keys": [*[jwk("next", kid=f"k{n}") for n in range(15)], jwk("main")]})  # fmt: skip

    # no token
    case("nothing", "missing", "")
    for name, made in {
        "a blank": " ", "a word": "rt_opaque", "two parts": f"{header}.{claims}", "a dot": ".",
        "a full stop in prose": "Not a token.",
    }.items():  # fmt: skip
        case(name, "not-a-jwt", made)

    # not in the one spelling there is
    for name, made in {
        "three empty parts": "..",
        "four parts": f"{good}.{mac}",
        "five parts, encrypted": f"{good}.{mac}.{mac}",
        "a blank before": f" {good}",
        "a blank after": f"{good} ",
        "a line break after": f"{good}\n",
        "a blank inside": f"{header}. {claims}.{mac}",
        "padding": f"{header}=.{claims}.{mac}",
        "padding of the signature": f"{good}==",
        "the other base64": f"{header}.{claims}.{mac[:-2]}+/",
        "a part of no possible length": f"{header}.{claims[:-(len(claims) % 4) or None]}A.{mac}",
        "a letter of another alphabet": f"{header}.{claims}.{mac[:-1]}\u0430",
        "unused bits in the signature": f"{header}.{claims}.{loosely(mac)}",
        "more than 8 KiB": claiming(note="x" * 8192),
        "a header that is a list": token(header=["ES256"]),
        "a header that is no JSON": token(header=b"alg=ES256"),
        "a header in UTF-16": token(header=text(HEADER).decode().encode("utf-16")),
        "a header that is no UTF-8": token(header=b'{"alg":"ES256","kid":"\xff"}'),
        "a header that says alg twice": token(header=b'{"alg":"none","alg":"ES256","kid":"main"}'),
        "a header that says kid twice": token(header=b'{"alg":"ES256","kid":"x","kid":"main"}'),
        "a header with NaN": token(header=b'{"alg":"ES256","kid":"main","n":NaN}'),
        "crit": headed(crit=["exp"], exp=NOW),
        "an empty crit": token(header={**HEADER, "crit": []}),
        "b64": token(header={**HEADER, "b64": False}),
        "compressed claims": headed(zip="DEF"),
        "enc": headed(enc="A256GCM"),
        "no kid": headed(kid=None),
        "a kid that is a number": headed(kid=7),
        "a kid that is a list": headed(kid=["main"]),
        "a kid that is a path": headed(kid="../../dev/null"),
        "a kid that is SQL": headed(kid="' OR 1=1 --"),
        "a kid of 129 characters": headed(kid="k" * 129),
        "a kid with a line break": headed(kid="main\n"),
        "claims that are a list": token([FULL]),
        "claims that are a token": token(good.encode(), {**HEADER, "cty": "JWT"}),
        "claims that are empty": token(b""),
        "claims that are no UTF-8": token(b'{"iss":"\xff"}'),
        "claims that say exp twice": token(
            text(FULL)[:-1] + f',"exp":{NOW + 900}}}'.encode()),
        "claims that hide a second iss in an escape": token(
            text(FULL)[:-1] + b',"is\\u0073":"kiket.dev"}'),
        "an end that is not a number": token(text(FULL).replace(b'"exp":1', b'"exp":NaN,"x":1')),
        "claims nested past all reason": token(b"[" * 2900 + b"]" * 2900),
    }.items():  # fmt: skip
        case(name, "malformed", made)

    # another algorithm
    for algorithm in ("none", "None", "NONE", "nOnE"):
        case(f"alg {algorithm}, unsigned", "algorithm",
             f"{unsigned(header={**HEADER, 'alg': algorithm})}.")  # fmt: skip
    case("no alg", "algorithm", token(header={"kid": "main"}))
    case("alg null", "algorithm", token(header={**HEADER, "alg": None}))
    case("alg as a list", "algorithm", headed(alg=["ES256"]))
    for algorithm in ("es256", "ES256 ", "ES256K", "ES384", "RS256", "PS256", "EdDSA", "HS512"):
        case(f"alg {algorithm!r}", "algorithm", headed(alg=algorithm))
    case("HS256 with the PEM of the key", "algorithm", hashed(pem()))
    case("HS256 with the key's document", "algorithm", hashed(text(jwk("main"))))
    case("HS256 with no key", "algorithm", hashed(b""))

    # another key
    case("a kid that nobody knows", "unknown-key", headed(kid="main-2"))
    case("a kid in other letters", "unknown-key", headed(kid="MAIN"))
    for name, keys in {
        "no keys": [],
        "a symmetric key": [{"kty": "oct", "kid": "main", "k": b64(bytes(32)), "alg": "HS256"}],
        "an RSA key": [{"kty": "RSA", "kid": "main", "n": b64(bytes(range(256))), "e": "AQAB"}],
        "another curve": [jwk("main", crv="P-384")],
        "a key for encryption": [jwk("main", use="enc")],
        "a key of another algorithm": [jwk("main", alg="ES384")],
        "a key without a name": [jwk("main", kid=None)],
        "a point off the curve": [jwk("main", y=jwk("next")["y"])],
        "a point at nothing": [jwk("main", x="", y="")],
        "coordinates that are numbers": [jwk("main", x=1, y=2)],
        "a list among the keys": [[jwk("main")]],
        "the seventeenth key": [*[jwk("next", kid=f"k{n}") for n in range(16)], jwk("main")],
    }.items():
        case(f"a set with {name}", "unknown-key", good, jwks={"keys": keys})
    case("a set that is a list", "unknown-key", good, jwks=[jwk("main")])
    case("a set whose keys are an object", "unknown-key", good, jwks={"keys": jwk("main")})

    # another signature
    for name, made in {
        "a stranger's key": token(key="stranger"),
        "the other key of the set": token(key="next"),
        "a key that the token brings": token(header={**HEADER, "jwk": jwk("stranger")},
                                             key="stranger"),
        "the signature of another token": f"{unsigned()}.{claiming(sub='x').split('.')[2]}",
        "claims that were changed": altered({**FULL, "scopes": ["*"]}),
        "a header that was changed": f"{b64(text({**HEADER, 'typ': 'jwt'}))}.{claims}.{mac}",
        "no signature": f"{unsigned()}.",
        "63 bytes": signature(raw(r, s)[:-1]),
        "65 bytes": signature(raw(r, s) + b"\0"),
        "DER": signature(der()),
        "zeros": signature(bytes(64)),
        "r of zero": signature(raw(0, s)),
        "s of zero": signature(raw(r, 0)),
        "r of the order": signature(raw(ORDER, s)),
        "s beyond the order": signature(raw(r, ORDER + 1)),
        "r and s in the wrong order": signature(raw(s, r)),
        "ones": signature(b"\xff" * 64),
    }.items():  # fmt: skip
        case(f"signed with {name}" if "key" in name else name, "mismatch", made)

    # claims
    for name in ("exp", "iat", "iss"):
        case(f"no {name}", "bad-claim", claiming(**{name: None}))
        case(f"{name} null", "bad-claim", token({**FULL, name: None}))
    for name in ("sub", "jti"):
        case(f"no {name}, strict", "bad-claim", claiming(**{name: None}), strict=True)
    odd: dict[str, dict[str, Any]] = {
        "exp as a text": {"exp": str(NOW + 600)},
        "exp in halves": {"exp": NOW + 600.5},
        "exp as true": {"exp": True},
        "exp as a list": {"exp": [NOW + 600]},
        "iat as a text": {"iat": str(NOW)},
        "nbf as a text": {"nbf": str(NOW)},
        "iss as a list": {"iss": ["kiket.dev"]},
        "an empty iss": {"iss": ""},
        "sub as a number": {"sub": 7},
        "jti as a number": {"jti": 7},
        "aud as a number": {"aud": 7},
        "aud as an object": {"aud": {"id": EXTENSION}},
        "aud as a list of numbers": {"aud": [7]},
        "scopes as a number": {"scopes": 7},
        "scopes as an object": {"scopes": {"*": True}},
        "scopes as a list of lists": {"scopes": [["*"]]},
        "ext_id as true": {"ext_id": True},
        "org_id as a list": {"org_id": [12]},
        "bh as a list": {"bh": [1]},
    }
    for name, members in odd.items():
        case(name, "bad-claim", claiming(**members))
    case("exp beyond all numbers", "bad-claim", token(
        text(FULL).replace(str(NOW + 600).encode(), b"1e400")))  # fmt: skip
    case("scopes as a text, strict", "bad-claim", claiming(scopes="a b"), strict=True)

    for name, issuer in {
        "a web address as issuer": "https://kiket.dev", "another issuer": "evil.example",
        "an issuer with a blank": "kiket.dev ", "an issuer in capitals": "KIKET.DEV",
        "an issuer below ours": "x.kiket.dev",
    }.items():  # fmt: skip
        case(name, "issuer", claiming(iss=issuer))

    case("over for an hour", "expired", claiming(iat=NOW - 4200, exp=NOW - 3600))
    case("over by a second", "expired", good, now=NOW + 601)
    case("over now", "expired", good, now=NOW + 600)
    case("an end before its beginning", "expired", claiming(exp=NOW - 1))
    case("an end before time began", "expired", claiming(exp=-1))
    case("issued 31 s ahead", "early", claiming(iat=NOW + 31))
    case("issued in the far future", "early", claiming(iat=10**18, exp=10**18 + 600))
    case("good from 31 s ahead", "early", claiming(nbf=NOW + 31))
    case("longer than a day", "lifetime", claiming(exp=NOW + 86_401))
    case("without an end worth the name", "lifetime", claiming(exp=10**30))
    case("issued before time began", "lifetime", claiming(iat=-1))
    case("longer than an hour, strict", "lifetime", claiming(exp=NOW + 3601), strict=True)

    # somebody else's
    case("another audience", "audience", claiming(aud="com.example.other"))
    case("other audiences", "audience", claiming(aud=["com.example.other", "x"]))
    case("an empty audience", "audience", claiming(aud=""))
    case("an audience in capitals", "audience", claiming(aud=EXTENSION.upper()))
    case("an audience, and no name here", "audience", claiming(aud=EXTENSION), extension_id=None)
    case("another extension", "extension", claiming(ext_id="com.example.other"))
    case("another numbered extension", "extension", claiming(ext_id=43), extension_id="42")
    case("a numbered extension, strict", "extension", claiming(ext_id=42), strict=True)
    case("no extension, strict", "extension", claiming(ext_id=None), strict=True)
    case("no name here, strict", "extension", good, extension_id=None, strict=True)
    case("another organization", "organization", good, organization_id=13)
    case("another named organization", "organization", claiming(org_id="acme"),
         organization_id="umbrella")  # fmt: skip
    case("another project", "project", good, project_id=28)
    case("another named project", "project", claiming(proj_id="harbour"),
         project_id="quay")  # fmt: skip
    case("the hash of another body", "body", claiming(bh=body_hash(BODY)), body=b64(BODY + b" "))
    case("a hash in hex", "body", claiming(bh=hashlib.sha256(BODY).hexdigest()), body=b64(BODY))
    case("two hashes that differ", "body", claiming(bh=body_hash(BODY), body_hash="x"),
         body=b64(BODY))  # fmt: skip
    case("a hash that is not ASCII", "body", claiming(bh="\u0142" * 43), body=b64(BODY))
    return found


def document() -> dict[str, Any]:
    """Return what tokens.json holds."""
    return {
        "about": "Runtime tokens and what is found about them; made by make_tokens.py. `now` is "
        "unix seconds; a case overrides jwks, now, extension_id and strict. `body` is base64url.",
        "jwks": JWKS,
        "now": NOW,
        "extension_id": EXTENSION,
        "strict": False,
        "cases": cases(),
    }


def written() -> str:
    """Return the text of tokens.json."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("tokens.json").write_text(written(), "utf-8")
