"""What a person chooses for a producer message: a template, credentials, a URL, a failure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError
from kiket_console.producing import fault_words
from kiket_console.producing.message import is_sensitive
from kiket_console.text import age, plural, visible
from kiket_console.ui import moment
from kiket_console.ui.choices import Choice
from kiket_console.ui.key_order import OPENS
from kiket_console.ui.screens.chooser import Chooser
from kiket_console.ui.widgets.offers import Offer
from kiket_console.ui.widgets.prompt import Prompt
from kiket_console.wire_producer import FAULTS, LOCAL

if TYPE_CHECKING:
    from kiket_console.model import Detail
    from kiket_console.producing.templates import Template
    from kiket_console.ui.link import Engine
    from kiket_console.ui.producer_sending import ProducerSending
    from kiket_console.ui.sent_message import Sent
    from kiket_console.wire_producer import ProducerState, Profile, SinkFault

NONE: Final = "none"
USUAL: Final = ""
_KINDS: Final = {
    "static": "access key",
    "temporary": "temporary",
    "process": "a program gives them",
    "sso": "single sign-on",
    "role": "assumes a role",
}


class ProducerChoices:
    """Ask for one thing at a time."""

    def __init__(self, sending: ProducerSending) -> None:
        self._sending = sending
        self._console = sending.console

    # Templates

    def template(self, name: str) -> None:
        """Begin with a template; without a name, ask which."""

        async def choose() -> None:
            from kiket_console.producing import templates

            folder = self._console.folder
            if name:
                try:
                    found = await asyncio.to_thread(templates.named, folder, name)
                except ConsoleError as error:
                    self._console.say(str(error), error=True)
                else:
                    self._begin(found)
                return
            ours = await asyncio.to_thread(templates.of_project, folder)
            choices = [
                Choice(each.name, each.meaning, "the project's" if each.file else "", each, "muted")
                for each in (*ours, *templates.built_in())
            ]
            dialog = Chooser("Begin with", choices, empty="No template has this name.")
            await self._console.push_screen(dialog, self._begin)

        self._console.run_worker(choose(), group=OPENS)

    def _begin(self, template: Template | None) -> None:
        if template is not None:
            self._sending.begin(template.text)
            self._sending.screen.action_write()

    def keep(self, name: str) -> None:
        """Keep the message as a template of the project; without a name, ask for one."""
        if name:
            self._console.run_worker(self._keep(name), group="ask")
            return
        screen = self._sending.screen
        fields = self._sending.fields_of(screen.composer.text)
        usual = fields.get("event_type", "")
        prompt = Prompt(
            "keep as", usual if isinstance(usual, str) else "", verb="keep",
            placeholder="a name; it becomes a file in messages/",
        )  # fmt: skip

        async def done(text: str) -> str:
            if text.strip():
                await self._keep(text)
            return ""

        screen.ask(prompt, done)

    async def _keep(self, name: str) -> None:
        from kiket_console.producing import templates

        screen, folder = self._sending.screen, self._console.folder
        text = screen.composer.text
        is_there = any(
            each.name == name.strip()
            for each in await asyncio.to_thread(templates.of_project, folder)
        )
        file = await asyncio.to_thread(templates.save, folder, name, text, replace=is_there)
        again = ", in the place of what was there" if is_there else ""
        fields = self._sending.fields_of(text)
        clear = " It is sensitive, and stands there in clear." if is_sensitive(fields) else ""
        self._console.say(f"It is kept as {visible(str(file.relative_to(folder)))}{again}.{clear}")

    # Credentials

    def profile(self) -> None:
        """Choose whose credentials sign."""
        if (state := self._state()) is None:
            return
        now = self._sending.target.profile
        names = [each.name for each in state.profiles]
        choices = [
            Choice(each.name, _about(each), each.access_key, each.name, "muted")
            for each in state.profiles
        ]
        dialog = Chooser(
            "Sign with the credentials of", choices, empty="No profile has this name.",
            selected=names.index(now) if now in names else 0,
        )  # fmt: skip

        def chosen(name: str | None) -> None:
            if name is not None:
                self._sending.choose(profile=name)

        self._console.push_screen(dialog, chosen)

    def region(self) -> None:
        """Choose the region that is signed for."""
        if (state := self._state()) is None:
            return
        usual = Choice("as usual", "of the URL, else of the profile", "", USUAL)
        choices = [usual, *(Choice(each, "", "", each) for each in state.regions)]
        now = self._sending.chosen.region
        at = state.regions.index(now) + 1 if now in state.regions else 0
        dialog = Chooser("Sign for the region", choices, empty="No such region.", selected=at)

        def chosen(region: str | None) -> None:
            if region is not None:
                self._sending.choose(region=region)

        self._console.push_screen(dialog, chosen)

    # Where to

    def where(self, url: str) -> None:
        """Say where messages go; without a URL, ask."""
        if (state := self._state()) is None:
            return
        if url:
            self._go_to(url, state)
            return
        history = self._console.history("producer")
        known = list(dict.fromkeys([state.sink_url, state.url, *reversed(history.entries)]))
        notes = {state.sink_url: "this engine's own producer", state.url: "as it is set"}
        if state.url == state.sink_url:
            notes[state.sink_url] = "this engine's own producer"
        prompt = Prompt(
            "where to", "", verb="use", history=history.entries,
            placeholder="https://….lambda-url.REGION.on.aws/",
        )  # fmt: skip

        def done(text: str) -> str:
            if text.strip():
                self._go_to(text.strip(), state)
                history.add(text.strip())
            return ""

        def offer(prompt: Prompt) -> None:
            typed = prompt.text.strip()
            prompt.offer(
                [
                    Offer(each, 0, len(prompt.text), notes.get(each, "used before"))
                    for each in known
                    if each and typed in each and typed != each
                ]
            )

        self._sending.screen.ask(prompt, done, changed=offer)

    def _go_to(self, url: str, state: ProducerState) -> None:
        from kiket_console.producing.destination import checked
        from kiket_console.producing.offers import Settings

        checked(url)
        kept = self._sending.chosen.profile
        is_sink = Settings(sink_url=state.sink_url).is_sink(url)
        profile = "" if is_sink or kept == LOCAL else kept
        self._sending.choose(url="" if url == state.url else url, profile=profile)

    # Failures of the sink

    def fault(self, text: str) -> None:
        """Let the engine's own producer fail in one way; without a text, ask in which."""
        if (state := self._state()) is None:
            return
        if text:
            self._force(text, state)
            return
        prompt = Prompt(
            "fail", verb="make it so", placeholder=fault_words.EXAMPLE,
            history=(history := self._console.history("producer-faults")).entries,
        )  # fmt: skip

        def done(text: str) -> str:
            if not text.strip():
                return f"Say how, as {fault_words.EXAMPLE}."
            self._force(text.strip(), state)
            history.add(text.strip())
            return ""

        self._sending.screen.ask(
            prompt, done, changed=lambda prompt: prompt.offer(_offers(prompt, state))
        )

    def _force(self, text: str, state: ProducerState) -> None:
        found: tuple[SinkFault, ...] = ()
        if text != NONE:
            fault = fault_words.read(text)
            found = (*(each for each in state.faults if each.kind != fault.kind), fault)

        async def force(engine: Engine) -> None:
            self._sending.screen.state = await engine.producer.set_faults(found)
            self._sending.screen.show_summary()
            said = "Messages are taken as usual again."
            if found:
                key = self._console.registry.key("producer.fault")
                said = f"The engine's own producer now fails; {key} and the word none end that."
            self._console.say(said)

        self._console.requests.carry_out(force)

    # Copies

    def copy(self, each: Sent, detail: Detail | None) -> None:
        """Copy something of a message that was sent."""
        from kiket_console.text import decode
        from kiket_console.ui.clipboard import copy

        texts: list[Choice[tuple[str, str]]] = []
        if each.tracking_id:
            texts.append(
                Choice("tracking id", each.tracking_id, "", ("The tracking id", each.tracking_id))
            )
        if detail is not None:
            message = decode(detail.request.body.raw)
            texts.append(Choice("message", "as it is stored", "", ("The message", message)))
            last = detail.attempts[-1] if detail.attempts else None
            if last is not None and last.answer is not None:
                answer = decode(last.answer.body.raw)
                texts.append(Choice("answer", "as it came", "", ("The answer", answer)))
        if each.trouble:
            texts.append(Choice("reason", each.trouble, "", ("The reason", each.trouble)))

        def chosen(found: tuple[str, str] | None) -> None:
            if found is not None:
                copy(self._console, found[1], found[0])

        self._console.push_screen(Chooser("Copy", texts, verb="copy"), chosen)

    def _state(self) -> ProducerState | None:
        if self._sending.screen.state is None:
            self._console.say("The engine has not said yet what there is to send with.")
        return self._sending.screen.state


def _about(profile: Profile) -> str:
    """Return what is known of a profile, in a few words."""
    if profile.name == LOCAL:
        return "known to this engine's own producer alone"
    said = [each for each in (profile.region, _KINDS.get(profile.kind, "")) if each]
    if profile.expires_us:
        left_s = (profile.expires_us - moment.now_us()) / 1_000_000
        said.append(f"expires in {age(left_s)}" if left_s > 0 else "expired")
    return " · ".join(said)


def _offers(prompt: Prompt, state: ProducerState) -> list[Offer]:
    """Return failures to complete what is typed."""
    typed = prompt.text[: prompt.cursor]
    if len(typed.split()) > 1 or typed.endswith(" "):
        begin = typed.rfind(" ") + 1
        then = [("3x", f"only the next {plural(3, 'message')}"), ("1x", "only the next message")]
        if typed.split()[0] in fault_words.USUAL_S:
            then.insert(0, ("5s", "so long"))
        return [
            Offer(word, begin, len(prompt.text), said)
            for word, said in then
            if word.startswith(typed[begin:]) and word not in typed.split()
        ]
    known = [(f"{each} ", fault_words.MEANINGS[each]) for each in FAULTS]
    if state.faults:
        known.insert(0, (NONE, "take messages as usual again"))
    return [Offer(word, 0, len(prompt.text), said) for word, said in known if typed in word]
