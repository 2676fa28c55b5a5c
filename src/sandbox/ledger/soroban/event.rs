//! Diagnostic events that core itself adds.

use stellar_xdr::{
    ContractEvent, ContractEventBody, ContractEventType, ContractEventV0, DiagnosticEvent,
    ExtensionPoint, ScError, ScErrorCode, ScString, ScSymbol, ScVal, ScVec, StringM, VecM,
};

/// What core says when something is wrong: topics `error` and the code, data the text and its numbers.
pub fn complaint(code: ScErrorCode, text: &str, values: &[ScVal]) -> DiagnosticEvent {
    let text = ScVal::String(ScString(
        StringM::try_from(text).expect("a string without a limit holds any text"),
    ));
    let data = if values.is_empty() {
        text
    } else {
        let all: Vec<ScVal> = std::iter::once(text)
            .chain(values.iter().cloned())
            .collect();
        ScVal::Vec(Some(ScVec(
            VecM::try_from(all).expect("a list without a limit holds a few values"),
        )))
    };
    let topics = vec![
        ScVal::Symbol(ScSymbol(
            StringM::try_from("error").expect("a symbol has at most 32 letters"),
        )),
        ScVal::Error(ScError::Storage(code)),
    ];
    DiagnosticEvent {
        in_successful_contract_call: false,
        event: ContractEvent {
            ext: ExtensionPoint::V0,
            contract_id: None,
            type_: ContractEventType::Diagnostic,
            body: ContractEventBody::V0(ContractEventV0 {
                topics: VecM::try_from(topics).expect("a list without a limit holds two topics"),
                data,
            }),
        },
    }
}
