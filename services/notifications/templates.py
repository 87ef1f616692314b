"""kind + language -> title and text: what is said where the model does not find the words"""

from services.notifications.directory import Language

WORDS: dict[str, dict[Language, tuple[str, str]]] = {
    "customer_enriched": {
        "en": ("A new customer", "Customer {about} was classified and may be worth a call."),
        "de": ("Ein neuer Kunde", "Kunde {about} wurde eingeordnet und könnte einen Anruf wert sein."),
        "fr": ("Un nouveau client", "Le client {about} a été classé et mérite peut-être un appel."),
    },
    "order_analyzed": {
        "en": ("Order received", "Order {about} was received and checked."),
        "de": ("Bestellung eingegangen", "Bestellung {about} ist eingegangen und geprüft."),
        "fr": ("Commande reçue", "La commande {about} a été reçue et vérifiée."),
    },
    "feedback_analyzed": {
        "en": ("Feedback needs attention", "Feedback {about} asks for an answer."),
        "de": ("Rückmeldung braucht Aufmerksamkeit", "Rückmeldung {about} bittet um Antwort."),
        "fr": ("Un avis demande votre attention", "L'avis {about} attend une réponse."),
    },
    "change_detected": {
        "en": ("A record changed", "{about} was changed in a way that matters."),
        "de": ("Ein Datensatz wurde geändert", "{about} wurde wesentlich geändert."),
        "fr": ("Une fiche a changé", "{about} a été modifié de façon importante."),
    },
    "alert_fired": {
        "en": ("Alert", "Alert {about}: please look at it."),
        "de": ("Alarm", "Alarm {about}: bitte ansehen."),
        "fr": ("Alerte", "Alerte {about} : merci de vérifier."),
    },
    "approval_requested": {
        "en": ("Approval needed", "Approval {about} waits for your decision."),
        "de": ("Freigabe nötig", "Freigabe {about} wartet auf Ihre Entscheidung."),
        "fr": ("Approbation requise", "L'approbation {about} attend votre décision."),
    },
    "saga_completed": {
        "en": ("Done", "{about} was carried out completely."),
        "de": ("Erledigt", "{about} wurde vollständig ausgeführt."),
        "fr": ("Terminé", "{about} a été entièrement exécuté."),
    },
    "saga_compensated": {
        "en": ("Undone", "{about} could not be carried out; everything was undone."),
        "de": ("Rückgängig gemacht", "{about} konnte nicht ausgeführt werden; alles wurde rückgängig gemacht."),
        "fr": ("Annulé", "{about} n'a pas pu être exécuté ; tout a été annulé."),
    },
    "saga_failed": {
        "en": ("A process is stuck", "{about} failed and needs a person."),
        "de": ("Ein Vorgang hängt", "{about} ist gescheitert und braucht einen Menschen."),
        "fr": ("Un processus est bloqué", "{about} a échoué et demande une intervention."),
    },
    "refund_approved": {
        "en": ("Refund approved", "Refund {about} was approved."),
        "de": ("Erstattung genehmigt", "Erstattung {about} wurde genehmigt."),
        "fr": ("Remboursement accepté", "Le remboursement {about} a été accepté."),
    },
    "refund_rejected": {
        "en": ("Refund rejected", "Refund {about} was rejected."),
        "de": ("Erstattung abgelehnt", "Erstattung {about} wurde abgelehnt."),
        "fr": ("Remboursement refusé", "Le remboursement {about} a été refusé."),
    },
    "refund_paid": {
        "en": ("Refund paid", "Refund {about} was paid."),
        "de": ("Erstattung ausgezahlt", "Erstattung {about} wurde ausgezahlt."),
        "fr": ("Remboursement versé", "Le remboursement {about} a été versé."),
    },
}

DIGEST_TITLES: dict[Language, str] = {"en": "{n} news for you", "de": "{n} Neuigkeiten", "fr": "{n} nouveautés"}
AND_MORE: dict[Language, str] = {"en": "and {n} more", "de": "und {n} weitere", "fr": "et {n} autres"}


def fill(kind: str, language: Language, about: str) -> tuple[str, str]:
    """Title and text; `about` is an id from outside and stays one word of them."""
    title, text = WORDS[kind][language]
    return title, text.format(about=about[:100])
